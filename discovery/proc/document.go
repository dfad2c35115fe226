package proc

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"assim/discovery"
)

// maxID bounds an identity that comes in a document. Together with maxListed it
// keeps a hostile document from growing the graph without end.
const (
	maxID     = 1024
	maxListed = 1 << 16
)

// Parse reads a document and checks the processes in it, which the caller
// names: a process id from outside becomes part of a key.
func Parse[T any](name string, doc []byte, processes func(*T) []*Process) (*T, map[string]*Process, error) {
	payload := new(T)
	if err := json.Unmarshal(doc, payload); err != nil {
		return nil, nil, fmt.Errorf("%s: the document does not parse: %w", name, err)
	}
	byID := map[string]*Process{}
	list := processes(payload)
	if len(list) > maxListed {
		return nil, nil, fmt.Errorf("%s: %d processes in one document, the limit is %d", name, len(list), maxListed)
	}
	for _, p := range list {
		if p == nil || p.ID == "" || len(p.ID) > maxID || !strings.Contains(p.ID, "/") {
			return nil, nil, fmt.Errorf("%s: a process without a proper id", name)
		}
		byID[p.ID] = p
	}
	return payload, byID, nil
}

// Valid says whether an endpoint that came in a document can be one.
func (e Endpoint) Valid() bool {
	return (e.Proto == "tcp" || e.Proto == "udp") && e.Addr.IsValid() && e.Port != 0 && len(e.Netns) < maxID
}

// CompareEndpoints orders endpoints for documents: by protocol, port, address,
// network namespace.
func CompareEndpoints(a, b Endpoint) int {
	return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port), a.Addr.Compare(b.Addr), cmp.Compare(a.Netns, b.Netns))
}

// Used returns, by ID and once each, the processes that a document speaks of.
func Used(processes []*Process) []*Process {
	list := append([]*Process{}, processes...)
	discovery.Sort(list, func(a, b *Process) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(list, func(a, b *Process) bool { return a.ID == b.ID })
}

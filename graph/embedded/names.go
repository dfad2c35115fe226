package embedded

import (
	"fmt"
	"sync"
)

// maxNames bounds how many distinct labels, types and property names a store
// has. They come from code and from sites' plugins, not from data.
const maxNames = 200_000

// names knows every label, type and property name by number. Readers and the
// writer share it; only the writer adds.
type names struct {
	mu     sync.RWMutex
	byID   []string // index = number; 0 is the empty name
	byText map[string]int64
}

// load reads all names, forgetting those whose transaction was rolled back.
func (n *names) load(c *conn) error {
	byID, byText := []string{""}, map[string]int64{"": 0}
	err := c.each(func(r *rows) error {
		if r.int(0) != int64(len(byID)) {
			return fmt.Errorf("name %d is missing from the file", len(byID))
		}
		byID = append(byID, r.text(1))
		byText[r.text(1)] = r.int(0)
		return nil
	}, "SELECT id, text FROM name ORDER BY id")
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.byID, n.byText = byID, byText
	n.mu.Unlock()
	return nil
}

func (n *names) text(id int64) (string, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if id < 0 || id >= int64(len(n.byID)) {
		return "", fmt.Errorf("name %d: %w", id, errBody)
	}
	return n.byID[id], nil
}

// id returns the number of a name, if anybody ever used it.
func (n *names) id(text string) (int64, bool) {
	n.mu.RLock()
	id, ok := n.byText[text]
	n.mu.RUnlock()
	return id, ok
}

// add returns the number of a name, giving it one in the open transaction.
func (n *names) add(c *conn, text string) (int64, error) {
	if id, ok := n.id(text); ok {
		return id, nil
	}
	id := int64(len(n.byID)) // only the writer adds, so this needs no lock
	if id >= maxNames {
		return 0, fmt.Errorf("more than %d distinct labels, types and property names; %.60q does not fit", maxNames, text)
	}
	if err := c.exec("INSERT INTO name(id, text) VALUES(?,?)", id, text); err != nil {
		return 0, err
	}
	n.mu.Lock()
	n.byID = append(n.byID, text)
	n.byText[text] = id
	n.mu.Unlock()
	return id, nil
}

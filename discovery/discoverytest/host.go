// Package discoverytest is the one suite that every discovery type obeys, and
// the fake host it runs them on: a recorded root file system and, beside it,
// what the kernel and commands answered.
package discoverytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assim/discovery"
)

// Host is a machine that says what its fields say. It is also the form of
// testdata/TREE.host.json. The zero Host is another root file system, empty.
type Host struct {
	Links     []discovery.Link
	Addrs     []discovery.Addr
	Routes    []discovery.Route
	Neighbors []discovery.Neighbor
	Sockets   map[string][]discovery.Socket // by "tcp" and "udp"
	// Translations are conversations whose destination the host changes.
	Translations []discovery.Translation
	Frames       []discovery.Frame
	Listening    time.Duration     // for how long frames have been listened to
	Run          map[string]string // output by command line: "sshd -T"
	ReadLinks    map[string]string // targets of symbolic links that testdata cannot hold

	root fs.FS
	dir  string
	live bool
}

// NewHost returns a live host with the given root file system, nil for none.
func NewHost(root fs.FS, h Host) discovery.Host {
	h.root, h.live = root, true
	return fake{h}
}

// Load returns the host recorded in dir and dir.host.json. Without the latter
// the host is not live: only its files can be asked.
func Load(dir string) (discovery.Host, error) {
	var h Host
	text, err := os.ReadFile(filepath.Clean(dir) + ".host.json")
	switch {
	case err == nil:
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&h); err != nil {
			return nil, fmt.Errorf("%s.host.json: %w", dir, err)
		}
		h.live = true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	h.root, h.dir = os.DirFS(dir), dir
	return fake{h}, nil
}

// fake makes a Host answer as a discovery.Host.
type fake struct{ h Host }

func (f fake) Root() fs.FS {
	if f.h.root == nil {
		return os.DirFS(os.DevNull)
	}
	return f.h.root
}

func (f fake) Live() bool { return f.h.live }

func (f fake) ReadLink(name string) (string, error) {
	if target, ok := f.h.ReadLinks[name]; ok {
		return target, nil
	}
	if f.h.dir != "" {
		return os.Readlink(filepath.Join(f.h.dir, filepath.FromSlash(name)))
	}
	if l, ok := f.h.root.(fs.ReadLinkFS); ok {
		return l.ReadLink(name)
	}
	return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
}

func (f fake) Run(_ context.Context, name string, args ...string) ([]byte, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	out, ok := f.h.Run[line]
	if !f.h.live || !ok {
		return nil, fmt.Errorf("%s: %w", line, discovery.ErrNotHere)
	}
	return []byte(out), nil
}

func (f fake) Execute(ctx context.Context, c discovery.Command) ([]byte, error) {
	return f.Run(ctx, c.Name, c.Args...)
}

func (f fake) Links(context.Context) ([]discovery.Link, error)   { return given(f, f.h.Links) }
func (f fake) Addrs(context.Context) ([]discovery.Addr, error)   { return given(f, f.h.Addrs) }
func (f fake) Routes(context.Context) ([]discovery.Route, error) { return given(f, f.h.Routes) }
func (f fake) Neighbors(context.Context) ([]discovery.Neighbor, error) {
	return given(f, f.h.Neighbors)
}
func (f fake) Frames(context.Context) ([]discovery.Frame, time.Duration, error) {
	frames, err := given(f, f.h.Frames)
	return frames, f.h.Listening, err
}
func (f fake) Sockets(_ context.Context, q discovery.SocketQuery) ([]discovery.Socket, error) {
	all, err := given(f, f.h.Sockets[q.Proto])
	if err != nil {
		return nil, err
	}
	var kept []discovery.Socket
	for _, waiting := range []bool{true, false} {
		for _, s := range all {
			waits := strings.EqualFold(s.State, "listen") || strings.EqualFold(s.State, "unconn")
			if unaware := s; waits == waiting && (waits || !q.Waiting) && (q.Keep == nil || q.Keep(&unaware)) {
				kept = append(kept, s)
			}
		}
	}
	return kept, nil
}
func (f fake) Translations(context.Context) ([]discovery.Translation, error) {
	return given(f, f.h.Translations)
}

func given[T any](f fake, list []T) ([]T, error) {
	if !f.h.live {
		return nil, discovery.ErrNotHere
	}
	return list, nil
}

package bulk

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"assim/trust"
	"assim/wire"
)

// Timeouts of a contact.
const (
	dialTimeout  = 15 * time.Second // TCP and TLS
	frameTimeout = 60 * time.Second // one answer, commit included
)

// Conn is a nanoprobe's bulk contact.
type Conn struct {
	conn    net.Conn
	binding []byte // empty on the local socket
	cma     string
}

// Permission is what a nanoprobe joins with.
type Permission struct {
	// Join is the parsed join string; the zero Join asks without one.
	Join trust.Join
	// CMA is the key that answered a Hello, zero if none did. Without a Join it
	// is all there is to recognize the CMA by.
	CMA wire.PubKey
}

func (p *Permission) trusts(key wire.PubKey, chain []trust.Endorsement) bool {
	if p.Join != (trust.Join{}) {
		return trust.Trusts(func(k wire.PubKey) bool { return trust.PinOf(k) == p.Join.Pin }, key, chain)
	}
	return key == p.CMA && key != wire.PubKey{}
}

// Enroll joins the CMA at address (HOST:PORT): it proves the permission,
// takes the identity the CMA gives and keeps it. A wire.Refused as the error
// says why not, and when to ask again.
func Enroll(ctx context.Context, id *trust.Identity, about wire.Announce, address string, p Permission) error {
	cfg, err := clientConfig(id.Key, p.trusts)
	if err != nil {
		return err
	}
	c, err := dial(ctx, address, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	m := wire.Enroll{Pub: id.Pub(), Was: id.Was, About: about, HadUUID: id.Machine.Product != ""}
	if p.Join == (trust.Join{}) {
		m.Weak = true
	} else {
		m.Token = trust.TokenIDOf(p.Join.Secret)
		m.Proof = wire.EnrollProof(trust.Verifier(p.Join.Secret), m.Pub, c.binding)
	}
	return c.enroll(id, &m)
}

// EnrollLocal joins the CMA on this host by its socket, which only root may
// use: no string, no TLS.
func EnrollLocal(ctx context.Context, id *trust.Identity, about wire.Announce, socket, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	c := &Conn{conn: conn, cma: address}
	defer func() { _ = c.Close() }()
	return c.enroll(id, &wire.Enroll{Pub: id.Pub(), Was: id.Was, About: about, HadUUID: id.Machine.Product != ""})
}

func (c *Conn) enroll(id *trust.Identity, m *wire.Enroll) error {
	body, err := c.ask(wire.FrameEnroll, wire.AppendEnroll(nil, m), wire.FrameWelcome)
	if err != nil {
		return err
	}
	w, err := wire.ParseWelcome(body)
	if err != nil {
		return fmt.Errorf("bulk: welcome: %w", err)
	}
	id.Weak = m.Weak
	return id.Accept(&w, c.cma)
}

// Dial opens a contact for an enrolled nanoprobe, and takes over what the CMA
// says: the key of the present epoch, pins. If the nanoprobe was interrupted
// while changing its own key, the change is completed.
func Dial(ctx context.Context, id *trust.Identity, address string) (*Conn, error) {
	c, err := contact(ctx, id, id.Key, address)
	var refused wire.Refused
	if id.Next == nil || !errors.As(err, &refused) || refused.Code != wire.CodeUnknownNode {
		return c, err
	}
	if c, err = contact(ctx, id, id.Next, address); err != nil {
		return nil, err
	}
	return c, id.EndRotation()
}

func contact(ctx context.Context, id *trust.Identity, key ed25519.PrivateKey, address string) (*Conn, error) {
	cfg, err := clientConfig(key, id.Trusts)
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx, address, cfg)
	if err != nil {
		return nil, err
	}
	body, err := c.ask(wire.FrameContact, wire.AppendContact(nil, wire.Contact{ID: id.ID, Epoch: id.Epoch}), wire.FrameWelcome)
	if err == nil {
		err = accept(id, body, address)
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func accept(id *trust.Identity, body []byte, address string) error {
	w, err := wire.ParseWelcome(body)
	if err != nil {
		return fmt.Errorf("bulk: welcome: %w", err)
	}
	if w.ID != id.ID {
		return fmt.Errorf("bulk: the CMA takes %s for %s; its register may be damaged", id.ID, w.ID)
	}
	return id.Accept(&w, address)
}

func dial(ctx context.Context, address string, cfg *tls.Config) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := tls.Dialer{Config: cfg}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("bulk: %s: %w", address, err)
	}
	bound, err := binding(conn.(*tls.Conn).ConnectionState())
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &Conn{conn: conn, binding: bound, cma: address}, nil
}

// Send uploads one document and waits until it is durable, or wanted in
// another form.
func (c *Conn) Send(d *wire.Document) (wire.DocumentAck, error) {
	body, err := c.ask(wire.FrameDocument, wire.AppendDocument(nil, d), wire.FrameDocumentAck)
	if err != nil {
		return wire.DocumentAck{}, err
	}
	ack, err := wire.ParseDocumentAck(body)
	if err == nil && ack.DocRef != d.DocRef {
		err = wire.ErrForm
	}
	if err != nil {
		return ack, fmt.Errorf("bulk: document ack: %w", err)
	}
	return ack, nil
}

// Recall asks what the CMA has of a document of this system: its JSON, nothing
// when there is none.
func (c *Conn) Recall(r wire.DocRef) ([]byte, error) {
	body, _ := wire.AppendRefs(nil, []wire.DocRef{r})
	return c.ask(wire.FrameRecall, body, wire.FrameRecalled)
}

// Rotate replaces this nanoprobe's key: made and kept before it is shown, used
// only after the CMA took it.
func (c *Conn) Rotate(id *trust.Identity) error {
	if err := id.BeginRotation(); err != nil {
		return err
	}
	m := wire.Rotate{Pub: wire.PubKey(id.Next.Public().(ed25519.PublicKey))}
	copy(m.Proof[:], ed25519.Sign(id.Next, wire.RotateText(id.ID, m.Pub, c.binding)))
	if _, err := c.ask(wire.FrameRotate, wire.AppendRotate(nil, &m), wire.FrameWelcome); err != nil {
		return err
	}
	return id.EndRotation()
}

// Finish says that nothing more comes, and hands over what the CMA adds.
func (c *Conn) Finish(desired func(wire.BulkDesired), want func([]wire.DocRef)) error {
	if err := c.write(wire.FrameDone, nil); err != nil {
		return err
	}
	for {
		kind, body, err := c.read()
		switch {
		case errors.Is(err, net.ErrClosed) || isEnd(err):
			return nil
		case err != nil:
			return err
		}
		switch kind {
		case wire.FrameDesired:
			m, err := wire.ParseBulkDesired(body)
			if err != nil {
				return fmt.Errorf("bulk: desired: %w", err)
			}
			desired(m)
		case wire.FrameWant:
			refs, err := wire.ParseRefs(body)
			if err != nil {
				return fmt.Errorf("bulk: want: %w", err)
			}
			want(refs)
		}
	}
}

// Close ends the contact.
func (c *Conn) Close() error { return c.conn.Close() }

func (c *Conn) ask(kind wire.FrameKind, body []byte, answer wire.FrameKind) ([]byte, error) {
	if err := c.write(kind, body); err != nil {
		return nil, err
	}
	got, reply, err := c.read()
	switch {
	case err != nil:
		return nil, fmt.Errorf("bulk: waiting for an answer: %w", err)
	case got == wire.FrameRefused:
		r, err := wire.ParseRefused(reply)
		if err != nil {
			return nil, fmt.Errorf("bulk: refusal: %w", err)
		}
		return nil, r
	case got != answer:
		return nil, fmt.Errorf("bulk: the CMA answered with frame kind %d instead of %d", got, answer)
	}
	return reply, nil
}

func (c *Conn) write(kind wire.FrameKind, body []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(frameTimeout)); err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	if _, err := c.conn.Write(wire.AppendFrame(nil, kind, body)); err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	return nil
}

func (c *Conn) read() (wire.FrameKind, []byte, error) { return wire.ReadFrame(c.conn, wire.MaxFrame) }

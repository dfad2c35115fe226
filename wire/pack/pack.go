// Package pack makes documents small: zstd of the whole, or zstd with an
// earlier version as dictionary, which for a few changed lines of a long
// document is a few dozen bytes.
package pack

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"assim/wire"
)

// MaxDocument bounds a document's JSON, on both ends.
const MaxDocument = 64 << 20

// dictionaryID marks our patches. It means nothing but that one is needed.
const dictionaryID = 1984

// ErrBase means that a patch rests on a version that is not at hand: ask for
// the whole document.
var ErrBase = errors.New("pack: the patch rests on another version")

// HashOf returns the hash that names a version of a document.
func HashOf(json []byte) wire.Hash { return sha256.Sum256(json) }

// Pack returns the document that carries json. base is the version that the
// CMA has, nil if none: then, and where it helps nothing, the whole travels.
func Pack(typ, instance string, json, base []byte) (wire.Document, error) {
	d := wire.Document{DocRef: wire.DocRef{Type: typ, Instance: instance, Hash: HashOf(json)}, Encoding: wire.Zstd}
	if len(json) > MaxDocument {
		return d, fmt.Errorf("pack: %s %s: %d bytes exceed the limit of %d", typ, instance, len(json), MaxDocument)
	}
	whole, err := compress(json, nil)
	if err != nil {
		return d, err
	}
	d.Data = whole
	if base == nil {
		return d, nil
	}
	patch, err := compress(json, base)
	if err != nil || len(patch) >= len(whole) {
		return d, err
	}
	d.Encoding, d.Base, d.Data = wire.Patch, HashOf(base), patch
	return d, nil
}

// Unpack returns the JSON of d, checked against its hash. base is asked for
// the version that a patch rests on; it returns nil when it has it not.
func Unpack(d *wire.Document, base func(wire.Hash) []byte) ([]byte, error) {
	var dictionary []byte
	if d.Encoding == wire.Patch {
		if dictionary = base(d.Base); dictionary == nil || HashOf(dictionary) != d.Base {
			return nil, ErrBase
		}
	}
	json, err := expand(d.Data, dictionary)
	if err != nil {
		return nil, fmt.Errorf("pack: %s %s: %w", d.Type, d.Instance, err)
	}
	if HashOf(json) != d.Hash {
		return nil, fmt.Errorf("pack: %s %s: the content does not match its hash", d.Type, d.Instance)
	}
	return json, nil
}

// compress takes the fastest level: the tables of the next one are a megabyte
// more for every document, and save three parts in a hundred.
func compress(json, dictionary []byte) ([]byte, error) {
	opts := []zstd.EOption{
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(windowFor(len(json) + len(dictionary))),
	}
	if dictionary != nil {
		opts = append(opts, zstd.WithEncoderDictRaw(dictionaryID, dictionary))
	}
	enc, err := zstd.NewWriter(nil, opts...)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	defer func() { _ = enc.Close() }()
	return enc.EncodeAll(json, nil), nil
}

// windowFor returns a window that holds n bytes: the whole of an earlier
// version must stay in reach, and no more memory be taken than that.
func windowFor(n int) int {
	w := 1 << 15
	for w < n && w < 1<<23 {
		w <<= 1
	}
	return w
}

func expand(data, dictionary []byte) ([]byte, error) {
	opts := []zstd.DOption{
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxDocument), zstd.WithDecoderMaxWindow(1 << 23),
	}
	if dictionary != nil {
		opts = append(opts, zstd.WithDecoderDictRaw(dictionaryID, dictionary))
	}
	dec, err := zstd.NewReader(bytes.NewReader(data), opts...)
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	// Read as a stream: memory follows what really comes out, not what a
	// header promises.
	json, err := io.ReadAll(io.LimitReader(dec, MaxDocument+1))
	if err == nil && len(json) > MaxDocument {
		err = fmt.Errorf("more than %d bytes", MaxDocument)
	}
	return json, err
}

package api

import (
	"bytes"
	"io"
	"net/http"
)

// direct carries requests to a handler in the same process. An answer is whole
// before it is read, so it is not for events that are followed.
type direct struct{ handler http.Handler }

// RoundTrip has the handler answer.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := r.Clone(r.Context())
	if asked.Body == nil {
		asked.Body = http.NoBody // as a server has it
	}
	defer asked.Body.Close()
	w := &answered{header: http.Header{}, code: http.StatusOK}
	d.handler.ServeHTTP(w, asked)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: w.code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r}, nil
}

// answered is an answer that is kept.
type answered struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (w *answered) Header() http.Header         { return w.header }
func (w *answered) WriteHeader(code int)        { w.code = code }
func (w *answered) Write(b []byte) (int, error) { return w.body.Write(b) }

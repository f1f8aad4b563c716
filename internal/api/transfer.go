package api

import (
	"io"
	"time"
)

// Bounds of transferring a file. A transfer has the time of its route, while bytes
// move.
const (
	transferTime  = 10 * time.Minute
	transferStall = 15 * time.Second
	// transferStep is how often deadlines are moved; each piece of 8 KiB would be
	// too often.
	transferStep = time.Second
)

// pacer moves one of a connection's deadlines while bytes move, up to an end.
type pacer struct {
	set  func(time.Time) error
	end  time.Time
	last time.Time
}

func (p *pacer) extend() error {
	now := time.Now()
	if now.Sub(p.last) < transferStep {
		return nil
	}
	p.last = now
	next := now.Add(transferStall)
	if next.After(p.end) {
		next = p.end
	}
	return p.set(next)
}

// requestStream is the body of a request, which may be longer than the door's bound
// and take longer than its time; whoever reads it bounds it. Its errors answer the
// client, and a body shorter than it was said to be is one.
type requestStream struct {
	request *request
	body    io.Reader
	left    int64 // of the declared length; -1 when it is chunked
	pace    pacer
}

// streamRequest is the request's body as a stream. It is read to its end, or the
// connection is closed after the reply.
func streamRequest(r *request) *requestStream {
	in := &requestStream{request: r, body: r.http.RequestBodyStream(), left: int64(r.http.Request.Header.ContentLength())}
	if in.body == nil {
		in.body, in.left = eof{}, 0
	}
	end, _ := r.Deadline() // every route has one
	in.pace = pacer{set: r.http.Conn().SetReadDeadline, end: end}
	return in
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func (in *requestStream) Read(p []byte) (int, error) {
	if err := in.pace.extend(); err != nil {
		return 0, readError(err)
	}
	n, err := in.body.Read(p)
	if in.left >= 0 {
		in.left -= int64(n)
	}
	switch {
	case err == io.EOF && (in.left > 0 || in.left < 0 && cutShort(in.request.http.Conn())):
		return n, readError(io.ErrUnexpectedEOF)
	case err == io.EOF:
		in.request.drained = true
	case err != nil:
		return n, readError(err)
	}
	return n, err
}

// replyStream is the body of a reply that streams. Its context lives until fasthttp
// closes it, which is after the handler returned.
type replyStream struct {
	io.ReadCloser
	pace   pacer
	cancel func()
}

// streamReply makes content the reply's body, of a length that is known.
func streamReply(r *request, content io.ReadCloser, length int64) {
	end, _ := r.Deadline() // every route has one
	out := &replyStream{ReadCloser: content, cancel: r.cancel, pace: pacer{set: r.http.Conn().SetWriteDeadline, end: end}}
	r.streams = true
	r.http.Response.SetBodyStream(out, int(length))
}

// headOnly answers HEAD with the length that GET would have.
func headOnly(r *request, length int64) {
	r.http.Response.SkipBody = true
	r.http.Response.Header.SetContentLength(int(length))
}

func (o *replyStream) Read(p []byte) (int, error) {
	if err := o.pace.extend(); err != nil {
		return 0, err
	}
	return o.ReadCloser.Read(p)
}

// Close ends the context too.
func (o *replyStream) Close() error {
	defer o.cancel()
	return o.ReadCloser.Close()
}

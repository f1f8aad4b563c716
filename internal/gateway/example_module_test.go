// Package poll lets users vote and shows everybody who looks on how it stands.
package gateway_test

import (
	"context"
	"fmt"
	"sync"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/gateway"
	"pushd/internal/push"
)

// maxVoters bounds what clients can make the module remember.
const maxVoters = 10_000

type poll struct {
	push *push.Service

	mu    sync.Mutex
	votes map[string]bool // guarded by mu: user to yes or no
}

// Module adds the actions poll.Vote and poll.Result.
func Module(t *gateway.Table, service *push.Service) {
	p := &poll{push: service, votes: map[string]bool{}}
	t.Register("poll", gateway.Handlers{
		"Vote":   gateway.Serve(p.vote),
		"Result": gateway.Serve(p.result).Inline(),
	})
}

type voteRequest struct {
	Yes *bool `json:"yes"`
}

type result struct {
	Yes int `json:"yes"`
	No  int `json:"no"`
}

func (p *poll) vote(ctx context.Context, who account.Identity, r voteRequest) (result, error) {
	if r.Yes == nil {
		return result{}, codec.Errorf(codec.CodeMalformed, "yes is true or false")
	}
	p.mu.Lock()
	if _, again := p.votes[who.User]; !again && len(p.votes) >= maxVoters {
		p.mu.Unlock()
		return result{}, codec.Errorf(codec.CodeTooMany, "the poll is full")
	}
	p.votes[who.User] = *r.Yes
	stands := p.countLocked()
	p.mu.Unlock()

	server := account.Identity{Key: "poll", Scopes: account.ScopePush}
	_, err := p.push.Push(ctx, server, push.PushRequest{
		Topics:  []string{"poll"},
		Message: push.Message(fmt.Sprintf(`{"yes":%d,"no":%d}`, stands.Yes, stands.No)),
	})
	return stands, err
}

func (p *poll) result(context.Context, account.Identity, struct{}) (result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.countLocked(), nil
}

func (p *poll) countLocked() (r result) {
	for _, yes := range p.votes {
		if yes {
			r.Yes++
		} else {
			r.No++
		}
	}
	return r
}

package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pushd/internal/account"
	"pushd/internal/codec"
	"pushd/internal/webhook"
)

// Prefix begins a bot's user id; its name follows.
const Prefix = "bot:"

// Remote is a bot behind a webhook.
type Remote struct {
	Name     string
	About    string   // one line for people
	Commands []string // what it understands, a line each, for people
	URL      string
	Secret   webhook.Secret
	Timeout  time.Duration // for an answer; 10 s if 0
}

// Options are the bots and their bounds; zero values are the defaults
// that WithDefaults has.
type Options struct {
	Node     string // this node's name
	Remotes  []Remote
	Workers  int           // messages that one bot answers at a time
	Queue    int           // messages that wait for one bot
	RetryFor time.Duration // an answer that comes later answers nothing
}

// WithDefaults replaces zero values by the defaults, which are what the server
// ships with.
func (o Options) WithDefaults() Options {
	if o.RetryFor <= 0 {
		o.RetryFor = time.Minute
	}
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Queue <= 0 {
		o.Queue = 1000
	}
	return o
}

// Info is a bot as people see it.
type Info struct {
	User     string   `json:"user"`
	Name     string   `json:"name"`
	About    string   `json:"about"`
	Commands []string `json:"commands"`
}

// Directory is which bots there are. It does not change.
type Directory struct {
	opts  Options
	infos []Info // by name
}

// NewDirectory lists the bots: echo, help, and the remote ones. The error names what is
// wrong with their names.
func NewDirectory(o Options) (*Directory, error) {
	d := &Directory{opts: o.WithDefaults(), infos: []Info{
		{Name: echoName, About: "Says what it was told."},
		{Name: helpName, About: "Lists the bots and what they understand."},
	}}
	for _, r := range o.Remotes {
		if err := ValidName(r.Name); err != nil {
			return nil, fmt.Errorf("bot %q: %w", r.Name, err)
		}
		d.infos = append(d.infos, Info{Name: r.Name, About: r.About, Commands: r.Commands})
	}
	slices.SortFunc(d.infos, func(x, y Info) int { return strings.Compare(x.Name, y.Name) })
	for i := range d.infos {
		info := &d.infos[i]
		if i > 0 && info.Name == d.infos[i-1].Name {
			return nil, fmt.Errorf("there are two bots with the name %q", info.Name)
		}
		info.User = Prefix + info.Name
		if info.Commands == nil {
			info.Commands = []string{}
		}
	}
	return d, nil
}

// ValidName returns nil when a bot may have this name: 1 to 32 lower-case
// letters, digits, "-" and "_".
func ValidName(name string) error {
	ok := len(name) >= 1 && len(name) <= 32
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !ok {
		return errors.New("a bot's name is 1 to 32 lower-case letters, digits, - and _")
	}
	return nil
}

// Known implements chat.Bots.
func (d *Directory) Known(name string) bool {
	return slices.ContainsFunc(d.infos, func(i Info) bool { return i.Name == name })
}

// ListRequest asks for the bots.
type ListRequest struct{}

// ListReply is all of them, by name.
type ListReply struct {
	Bots []Info `json:"bots"`
}

// List is bot.List.
func (d *Directory) List(_ context.Context, id account.Identity, _ ListRequest) (ListReply, error) {
	if id.User == "" && id.Key == "" {
		return ListReply{}, codec.Errorf(codec.CodeUnauthorized, "log in first")
	}
	return ListReply{Bots: slices.Clone(d.infos)}, nil
}

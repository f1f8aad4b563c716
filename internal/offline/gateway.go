package offline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pushd/internal/webhook"
)

// EventNotifications is the type of what the HTTP gateway is posted.
const EventNotifications = "notifications"

// GatewayOptions are the defaults of calls to the address of an HTTP gateway: it
// waits for the services of vendors before it answers, and answers for every
// notification.
func GatewayOptions() webhook.Options {
	return webhook.Options{
		Name: "offline-gateway", Timeout: 30 * time.Second, Concurrency: Options{}.WithDefaults().Workers, MaxReply: 4 << 20,
	}
}

// HTTP is the Gateway that posts notifications to an address.
type HTTP struct{ client *webhook.Client }

// NewHTTP makes a Gateway of a client, whose owner closes it.
func NewHTTP(client *webhook.Client) *HTTP { return &HTTP{client} }

type posted struct {
	Type          string         `json:"type"`
	ID            string         `json:"id"`
	Notifications []Notification `json:"notifications"`
}

type results struct {
	Results []Result `json:"results"`
}

// Send implements Gateway. A 2xx without a body took all of them.
func (g *HTTP) Send(ctx context.Context, all []Notification) ([]Result, error) {
	id := webhook.NewID()
	body, err := json.Marshal(posted{Type: EventNotifications, ID: id, Notifications: all})
	if err != nil {
		return nil, errors.New("notifications can't be encoded")
	}
	reply, err := g.client.Call(ctx, id, body)
	if err != nil {
		return nil, err
	}
	var r results
	if len(bytes.TrimSpace(reply)) > 0 {
		if err := json.Unmarshal(reply, &r); err != nil {
			// Not err's text: it may quote what the gateway said.
			return nil, webhook.BadReply(errors.New(`the reply is not {"results":[…]}`))
		}
	}
	switch len(r.Results) {
	case 0:
		return make([]Result, len(all)), nil
	case len(all):
		return r.Results, nil
	}
	return nil, webhook.BadReply(fmt.Errorf("the reply has %d results for %d notifications", len(r.Results), len(all)))
}

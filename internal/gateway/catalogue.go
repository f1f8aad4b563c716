package gateway

import (
	"pushd/internal/account"
	"pushd/internal/bot"
	"pushd/internal/chat"
	"pushd/internal/files"
	"pushd/internal/offline"
	"pushd/internal/push"
	"pushd/internal/router"
)

// Actions describes every action that clients can call on a server that has
// everything.
func Actions() []router.Action {
	everything := Services{
		Push: &push.Service{}, Chat: &chat.Service{}, Files: &files.Service{},
		Offline: &offline.Service{}, Bots: &bot.Bots{}, Account: &account.Service{},
	}
	return routes(&Gateway{}, everything, nil).Actions()
}

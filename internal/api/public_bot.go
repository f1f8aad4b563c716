package api

import "pushd/internal/bot"

// botRoutes is what users reach of bots.
func botRoutes(b *bot.Bots) []route {
	return []route{
		{method: "GET", path: "/api/v1/bots", handle: call(bind, b.List)},
	}
}

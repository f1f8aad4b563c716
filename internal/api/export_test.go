package api

import "github.com/valyala/fasthttp"

// AdminOpenAPI and PublicOpenAPI are the embedded descriptions.
var (
	AdminOpenAPI  = adminDescription()
	PublicOpenAPI = publicDescription()
)

// UserRoutes lists what a public door offers with these services, and what it
// offers always.
func UserRoutes(s Services) []Route {
	all := []Route{{"GET", "/healthz", true}, {"GET", "/openapi.yaml", true}}
	for _, r := range userRoutes(s) {
		all = append(all, Route{r.method, r.path, r.open})
	}
	return all
}

// ChatRoutes are the methods and paths of conversations and messages.
func ChatRoutes(s Services) (all []string) {
	for _, r := range chatRoutes(s.Chat) {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// GroupRoutes are the methods and paths of groups and friends for users, and
// GroupAdminRoutes those for backends.
func GroupRoutes(s Services) (all []string) {
	for _, r := range groupRoutes(s.Chat) {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

func GroupAdminRoutes(s Services) (all []string) {
	for _, r := range chatGroupAdminRoutes(s.Chat) {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// Route is one line of the table.
type Route struct {
	Method, Path string
	Open         bool // needs no API key
}

// Routes lists the table.
func (a *Admin) Routes() []Route {
	var all []Route
	for _, r := range a.routes() {
		all = append(all, Route{r.method, r.path, r.open})
	}
	return all
}

// Handler is the door without a listener.
func (d *door) Handler() fasthttp.RequestHandler { return d.answer }

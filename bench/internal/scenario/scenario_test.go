package scenario_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pushd/bench/internal/fleet"
	"pushd/bench/internal/progress"
	"pushd/bench/internal/report"
	"pushd/bench/internal/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type runner interface {
	Run(context.Context, *scenario.Config) (*report.Result, error)
}

func config(t *testing.T, s *fakePushd, n int) *scenario.Config {
	t.Helper()
	show, err := progress.New(os.Stderr, progress.None)
	if err != nil {
		t.Fatal(err)
	}
	url, admin := s.start(t)
	return &scenario.Config{
		URL: url, Admin: admin, AdminKey: "dev", Label: "fake", Connections: n, ConnectRate: 2000,
		Duration: 300 * time.Millisecond, Heartbeat: 100 * time.Millisecond, Bare: s.Bare, Centrifugo: s.Centrifugo, Progress: show, ServerPID: os.Getpid(),
		Identity: fleet.Identities{Users: "u%d", Platforms: []string{"web"}},
	}
}

func run(t *testing.T, s runner, cfg *scenario.Config) *report.Result {
	t.Helper()
	r, err := s.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantOK(t *testing.T, r *report.Result) {
	t.Helper()
	c := r.Connections
	if !r.OK || r.Partial || c.Ready != int64(c.Wanted) || c.Left != c.Ready || c.Failed+c.Lost != 0 {
		t.Errorf("not as it should be: %+v %+v", r.Problems, c)
	}
}

func wantProblem(t *testing.T, r *report.Result, text string, count int64) {
	t.Helper()
	for _, p := range r.Problems {
		if strings.Contains(p.What, text) {
			if p.Count != count {
				t.Errorf("%q: %d times, want %d", p.What, p.Count, count)
			}
			return
		}
	}
	t.Errorf("no problem %q in %+v", text, r.Problems)
	if r.OK {
		t.Error("and the result is OK")
	}
}

func TestIdle(t *testing.T) {
	r := run(t, scenario.Idle{Timeout: 5 * time.Second, Steps: []int{10, 30}, Settle: time.Millisecond, Traffic: 2}, config(t, &fakePushd{}, 0))
	wantOK(t, r)
	if len(r.Steps) != 2 || r.Steps[1].RSSTraffic == 0 || r.Slope.RSSTraffic == 0 || r.Steps[1].Connections != 30 || r.Steps[1].HeapObjects == 0 || r.Slope == nil {
		t.Errorf("%+v %+v", r.Steps, r.Slope)
	}
	if r.Connections.Heartbeats < 30 || r.Messages.Received != 40+2*30 {
		t.Errorf("%+v %+v", r.Connections, r.Messages)
	}
}

func TestIdleCountsTheLost(t *testing.T) {
	r := run(t, scenario.Idle{Timeout: 5 * time.Second}, config(t, &fakePushd{DropAfter: 100 * time.Millisecond}, 7))
	wantProblem(t, r, "lost: dropped without a Close frame", 7)
	if r.Connections.Lost != 7 {
		t.Errorf("%+v", r.Connections)
	}
}

func TestRefusedLoginsAreCounted(t *testing.T) {
	r := run(t, scenario.Idle{Timeout: 5 * time.Second}, config(t, &fakePushd{RefuseLogin: func(user string) bool { return user == "u3" }}, 7))
	wantProblem(t, r, "login refused, 401: token refused", 1)
	if r.Connections.Ready != 6 || r.Connections.Failed != 1 {
		t.Errorf("%+v", r.Connections)
	}
}

func TestNobodyListens(t *testing.T) {
	cfg := config(t, &fakePushd{}, 5)
	cfg.URL = "ws://127.0.0.1:1/ws"
	r := run(t, scenario.Idle{Timeout: 5 * time.Second}, cfg)
	wantProblem(t, r, "not connected: refused: connect: connection refused", 5)
}

func TestEchoClosedLoop(t *testing.T) {
	r := run(t, scenario.Echo{Timeout: 5 * time.Second, InFlight: 4}, config(t, &fakePushd{}, 10))
	wantOK(t, r)
	m := r.Messages
	if m.Sent < 100 || m.Received != m.Sent || m.Lost != 0 || r.Latency == nil || r.Latency.Count == 0 || m.PerSecond == 0 {
		t.Errorf("%+v %+v", m, r.Latency)
	}
}

func TestEchoBare(t *testing.T) {
	r := run(t, scenario.Echo{Timeout: 5 * time.Second, InFlight: 2, Payload: 64}, config(t, &fakePushd{Bare: true}, 10))
	wantOK(t, r)
	if m := r.Messages; m.Received < 100 || m.Misplaced != 0 {
		t.Errorf("%+v", m)
	}
}

func TestCentrifugo(t *testing.T) {
	s := &fakePushd{Centrifugo: true}
	r := run(t, scenario.Echo{Timeout: 5 * time.Second, InFlight: 1}, config(t, s, 10))
	wantOK(t, r)
	if m := r.Messages; m.Received < 50 || m.Misplaced != 0 || r.Connections.Heartbeats != 10 {
		t.Errorf("%+v %+v", m, r.Connections)
	}
	s.mu.Lock()
	if s.pongs != 10 {
		t.Errorf("%d pongs", s.pongs)
	}
	s.mu.Unlock()
	f := &fakePushd{Centrifugo: true}
	r = run(t, scenario.Fanout{Rounds: 20, Burst: 10, Timeout: 5 * time.Second}, config(t, f, 10))
	wantOK(t, r)
	if r.Messages.Received != 200 {
		t.Errorf("%+v", r.Messages)
	}
}

func TestEchoOpenLoopSendsAsPlanned(t *testing.T) {
	r := run(t, scenario.Echo{Timeout: 5 * time.Second, InFlight: 1, Rate: 1000, Warmup: 50 * time.Millisecond}, config(t, &fakePushd{}, 10))
	wantOK(t, r)
	// 350 ms at 1,000 a second, whatever the machine is doing: late ones are sent too.
	if m := r.Messages; m.Sent < 340 || m.Received != m.Sent {
		t.Errorf("%+v", m)
	}
}

func TestEchoFindsWrongAnswers(t *testing.T) {
	r := run(t, scenario.Echo{Timeout: 100 * time.Millisecond, InFlight: 1}, func() *scenario.Config {
		cfg := config(t, &fakePushd{StaleSeq: true}, 3)
		cfg.Duration = 10 * time.Millisecond
		return cfg
	}())
	wantProblem(t, r, "answers out of order or altered", 3)
	wantProblem(t, r, "messages not answered", 3)
}

func TestFanout(t *testing.T) {
	for name, c := range map[string]struct {
		s        scenario.Fanout
		bare     bool
		expected int64
	}{
		"broadcast": {scenario.Fanout{Rounds: 5, Payload: 200}, false, 100},
		"open loop": {scenario.Fanout{Rounds: 5, Rate: 100}, false, 100},
		"topics":    {scenario.Fanout{Rounds: 6, Topics: 3}, false, 40},
		"bare":      {scenario.Fanout{Rounds: 5}, true, 100},
		"burst":     {scenario.Fanout{Rounds: 25, Burst: 10}, false, 500},
		"bare too":  {scenario.Fanout{Rounds: 25, Burst: 10}, true, 500},
		// Topics of 1, 12 and 7 of the 20 clients, one round each and two more.
		"sizes": {scenario.Fanout{Rounds: 5, Sizes: []int{1, 12}}, false, 1 + 12 + 1 + 6 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			c.s.Timeout = 5 * time.Second
			r := run(t, c.s, config(t, &fakePushd{Bare: c.bare}, 20))
			wantOK(t, r)
			if m := r.Messages; m.Expected != c.expected || m.Received != m.Expected || r.Latency.Count != m.Received {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestFanoutFindsWhatIsMissingAndDouble(t *testing.T) {
	s := &fakePushd{Deliver: func(round, client int) int {
		switch {
		case round == 1 && client == 4:
			return 0
		case round == 2 && client == 5:
			return 3
		}
		return 1
	}}
	r := run(t, scenario.Fanout{Rounds: 4, Timeout: 200 * time.Millisecond}, config(t, s, 10))
	wantProblem(t, r, "missed 1 from round 1 on", 1)
	wantProblem(t, r, "delivered twice", 2)
	if m := r.Messages; m.Lost != 1 || m.Duplicates != 2 || m.Received != 39 {
		t.Errorf("%+v", m)
	}
}

func TestChurn(t *testing.T) {
	cfg := config(t, &fakePushd{}, 10)
	cfg.Duration = 600 * time.Millisecond
	r := run(t, scenario.Churn{Stay: 20 * time.Millisecond}, cfg)
	c := r.Connections
	if !r.OK || c.Ready < 50 || c.Left != c.Ready || r.Latency == nil {
		t.Errorf("%+v %+v", c, r.Problems)
	}
}

func TestPush(t *testing.T) {
	for name, s := range map[string]scenario.Push{"closed loop": {Workers: 3}, "open loop": {Workers: 3, Rate: 200}} {
		t.Run(name, func(t *testing.T) {
			s.Timeout = 5 * time.Second
			r := run(t, s, config(t, &fakePushd{}, 10))
			wantOK(t, r)
			if m := r.Messages; m.Sent < 20 || m.Received != m.Sent || r.Latency.Count != m.Received || len(r.Timeline) == 0 {
				t.Errorf("%+v", m)
			}
		})
	}
}

// faulty loses the third delivery and makes the fourth twice.
func faulty(round, _ int) (times int) {
	switch round {
	case 3:
		return 0
	case 4:
		return 2
	}
	return 1
}

func TestPushFindsWhatIsMissingAndDouble(t *testing.T) {
	s := &fakePushd{Deliver: faulty}
	r := run(t, scenario.Push{Workers: 1, Timeout: 100 * time.Millisecond}, config(t, s, 10))
	wantProblem(t, r, "pushes not delivered", 1)
	wantProblem(t, r, "pushes twice", 1)
}

func TestStorm(t *testing.T) {
	s := &fakePushd{RefuseAfter: 55}
	r := run(t, scenario.Storm{Timeout: 5 * time.Second}, config(t, s, 50))
	c := r.Connections
	if !r.OK || c.Ready != 100 || c.Left != 100 || c.Lost+c.Failed != 0 || r.Latency.Count != 50 {
		t.Errorf("%+v %+v %+v", c, r.Latency, r.Problems)
	}
	if c.Retries < 5 {
		t.Errorf("%d retries of 5 that were refused", c.Retries)
	}
}

func TestMixed(t *testing.T) {
	for name, bare := range map[string]bool{"pushd": false, "bare": true} {
		t.Run(name, func(t *testing.T) {
			s := scenario.Mixed{
				Echo: scenario.Echo{Rate: 200, Payload: 64}, Askers: 4, Before: 200 * time.Millisecond, Every: 50 * time.Millisecond,
				Push: scenario.Push{Rate: 100, Workers: 2, Timeout: 5 * time.Second}, Broadcast: scenario.Fanout{Timeout: 5 * time.Second},
			}
			if bare {
				s.Push.Rate = 0
			}
			r := run(t, s, config(t, &fakePushd{Bare: bare}, 10))
			wantOK(t, r)
			want := []string{"requests alone", "requests", "pushes", "broadcasts"}
			if bare {
				want = []string{"requests alone", "requests", "broadcasts"}
			}
			for i, p := range r.Parts {
				if i >= len(want) || p.Name != want[i] || p.Received < 10 || p.Received != p.Sent || p.Latency == nil {
					t.Errorf("%+v", p)
				}
			}
			if len(r.Parts) != len(want) {
				t.Errorf("%+v", r.Parts)
			}
		})
	}
}

func TestInterruptionGivesAPartialResult(t *testing.T) {
	for name, s := range map[string]runner{
		"idle": scenario.Idle{Timeout: 5 * time.Second}, "echo": scenario.Echo{Timeout: 5 * time.Second, InFlight: 1}, "churn": scenario.Churn{Stay: time.Second},
		"fanout": scenario.Fanout{Rounds: 1000, Rate: 100, Timeout: 5 * time.Second},
		"push":   scenario.Push{Workers: 2, Rate: 100, Timeout: 5 * time.Second},
		"mixed": scenario.Mixed{
			Echo: scenario.Echo{Rate: 100}, Every: 100 * time.Second, Broadcast: scenario.Fanout{Timeout: 5 * time.Second},
			Push: scenario.Push{Rate: 100, Workers: 2, Timeout: 5 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, &fakePushd{}, 10)
			cfg.Duration = time.Hour
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			r, err := s.Run(ctx, cfg)
			if err != nil || !r.Partial || !r.OK || r.Connections.Ready < 10 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestTokensAreSignedForEachUser(t *testing.T) {
	s := &fakePushd{}
	cfg := config(t, s, 4)
	cfg.Identity.HMACKey = []byte(strings.Repeat("k", 32))
	cfg.Identity.Platforms = []string{"web", "ios"}
	wantOK(t, run(t, scenario.Idle{Timeout: 5 * time.Second}, cfg))
	s.mu.Lock()
	defer s.mu.Unlock()
	users := map[string]int{}
	for _, l := range s.logins {
		user, token, _ := strings.Cut(l, " ")
		users[user]++
		if strings.Count(token, ".") != 2 {
			t.Errorf("%s", l)
		}
	}
	if users["u0"] != 2 || users["u1"] != 2 {
		t.Errorf("%v", users)
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	idle := scenario.Idle{Timeout: 5 * time.Second}
	for name, c := range map[string]struct {
		s      runner
		change func(*scenario.Config)
	}{
		"no connections":      {scenario.Churn{Stay: 1}, func(c *scenario.Config) { c.Connections = 0 }},
		"more than fit":       {idle, func(c *scenario.Config) { c.Connections = 1 << 30 / 64 }},
		"https":               {idle, func(c *scenario.Config) { c.URL = "https://127.0.0.1/ws" }},
		"users without %d":    {idle, func(c *scenario.Config) { c.Identity.Users = "bob" }},
		"no platform":         {idle, func(c *scenario.Config) { c.Identity.Platforms = nil }},
		"short key":           {idle, func(c *scenario.Config) { c.Identity.HMACKey = []byte("x") }},
		"no such process":     {idle, func(c *scenario.Config) { c.ServerPID = 1 << 30 }},
		"steps not ascending": {scenario.Idle{Timeout: 1, Steps: []int{5, 5}}, func(*scenario.Config) {}},
		"no request":          {scenario.Echo{}, func(*scenario.Config) {}},
		"topics twice":        {scenario.Fanout{Rounds: 1, Timeout: 1, Topics: 1, Sizes: []int{1}}, func(*scenario.Config) {}},
		"an empty topic":      {scenario.Fanout{Rounds: 1, Timeout: 1, Sizes: []int{0}}, func(*scenario.Config) {}},
		"no rounds":           {scenario.Fanout{Timeout: 1}, func(*scenario.Config) {}},
		"fan-out, no admin":   {scenario.Fanout{Rounds: 1, Timeout: 1}, func(c *scenario.Config) { c.Admin = "" }},
		"bare Centrifugo":     {idle, func(c *scenario.Config) { c.Bare, c.Centrifugo = true, true }},
		"no workers":          {scenario.Push{Timeout: 1}, func(*scenario.Config) {}},
		"push, no admin":      {scenario.Push{Workers: 1, Timeout: 1}, func(c *scenario.Config) { c.Admin = "" }},
		"push, bare":          {scenario.Push{Workers: 1, Timeout: 1}, func(c *scenario.Config) { c.Bare = true }},
		"storm, no timeout":   {scenario.Storm{}, func(*scenario.Config) {}},
		"mixed, nothing":      {scenario.Mixed{Broadcast: scenario.Fanout{Timeout: 1}}, func(*scenario.Config) {}},
		"mixed, no admin":     {scenario.Mixed{Every: 1}, func(c *scenario.Config) { c.Admin = "" }},
		"no stay":             {scenario.Churn{}, func(*scenario.Config) {}},
		"wrong admin key":     {scenario.Fanout{Rounds: 1, Timeout: 1}, func(c *scenario.Config) { c.AdminKey = "x" }},
	} {
		cfg := config(t, &fakePushd{}, 2)
		c.change(cfg)
		if _, err := c.s.Run(t.Context(), cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

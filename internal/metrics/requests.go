package metrics

import (
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// maxRequestSeries bounds pushd_requests_total even if a caller lets a
// client's words through; beyond it everything new is counted as "unknown".
const maxRequestSeries = 4096

type requestKey struct {
	module, action string
	code           int
}

// requests is a cache of counters in front of the vector, since the vector
// hashes, locks and allocates on each lookup. Readers see an immutable map;
// a new key, which is rare, copies it.
type requests struct {
	vec   *prometheus.CounterVec
	known atomic.Pointer[map[requestKey]prometheus.Counter]
	mu    sync.Mutex // held by whoever replaces known
}

func newRequests() *requests {
	r := &requests{vec: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pushd_requests_total",
		Help: "Client requests answered, by module, action and reply code.",
	}, []string{"module", "action", "code"})}
	r.known.Store(&map[requestKey]prometheus.Counter{})
	return r
}

func (r *requests) add(module, action string, code int) {
	if c, ok := (*r.known.Load())[requestKey{module, action, code}]; ok {
		c.Inc()
		return
	}
	r.addNew(module, action, code)
}

func (r *requests) addNew(module, action string, code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *r.known.Load()
	if len(known) >= maxRequestSeries {
		r.vec.WithLabelValues("unknown", "unknown", "other").Inc()
		return
	}
	// The strings may point into a client's frame, which will be overwritten.
	key := requestKey{strings.Clone(module), strings.Clone(action), code}
	c := r.vec.WithLabelValues(key.module, key.action, strconv.Itoa(code))
	c.Inc()
	if _, ok := known[key]; ok {
		return
	}
	known = maps.Clone(known)
	known[key] = c
	r.known.Store(&known)
}

package config

import (
	"fmt"

	"pushd/internal/gateway"
)

const (
	// workersInMemory and queueInMemory are for a server without a database, where
	// a request that may block is rare and short.
	workersInMemory = 16
	queueInMemory   = 4096
	// gcPercent trades a little CPU for memory: the heap is mostly connections that
	// live long, and at Go's 100 it may double between two collections.
	// bench/RESULTS.md has the measurement.
	gcPercent = 20
)

func runtimeSection(c *Config) []option {
	g := gateway.Options{}.WithDefaults()
	return []option{
		opt("loops", &c.Loops, 0, option{
			min: "0", max: "4096",
			usage: "Event loops. 0 is one for each processor (GOMAXPROCS).",
		}),
		opt("workers", &c.Workers, 0, option{
			min: "0", max: "100000",
			usage: fmt.Sprintf("Goroutines for requests that may block. 0 is %d with a database, which commits "+
				"together what waits together, and %d without.", g.Workers, workersInMemory),
		}),
		opt("gc-percent", &c.GCPercent, 0, option{
			min: "0", max: "10000",
			usage: fmt.Sprintf("Go's garbage collection target in percent (GOGC). 0 keeps the server's own, %d.", gcPercent),
		}),
	}
}

// workerPool is the goroutines for requests that may block, and how many requests
// wait for one; 0 is the gateway's own figure.
func (c *Config) workerPool() (workers, queue int) {
	if c.Store != noStore {
		return c.Workers, 0
	}
	if c.Workers == 0 {
		return workersInMemory, queueInMemory
	}
	return c.Workers, queueInMemory
}

// GCTarget is gc-percent, or the server's own.
func (c *Config) GCTarget() int {
	if c.GCPercent == 0 {
		return gcPercent
	}
	return c.GCPercent
}

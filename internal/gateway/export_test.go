package gateway

import "context"

// StopWorkers is the part of Shutdown that ends the workers.
func (g *Gateway) StopWorkers(ctx context.Context) error { return g.workers.stop(ctx) }

package config

import "errors"

// Check refuses combinations of options that are each fine by themselves. It
// reads no files; LoadKeys checks what keys hold.
func (c *Config) Check() error {
	return errors.Join(
		c.checkListeners(),
		c.checkAdminKeys(),
		c.checkAuth(),
		c.checkConnections(),
		c.checkPlatforms(),
		c.checkMergeWindows(),
		c.checkBackends(),
		c.checkHistories(),
		c.checkRate(),
		c.checkFiles(),
	)
}

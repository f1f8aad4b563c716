package config

import (
	"fmt"

	"pushd/internal/account"
	"pushd/internal/hub"
)

func sessionsSection(c *Config) []option {
	h := hub.Options{}.WithDefaults()
	return []option{
		opt("multi-login", &c.MultiLogin, "replace", option{
			oneof: []string{"replace", "refuse", "allow"},
			usage: "A second login of one user on one platform: replace closes the older session with 4003, refuse " +
				"answers 409, allow admits up to max-per-platform.",
		}),
		opt("max-per-platform", &c.MaxPerPlatform, h.MaxPerPlatform, option{
			min: "1", max: "1000",
			usage: "Sessions of one user on one platform under multi-login allow.",
		}),
		opt("platforms", &c.Platforms, nil, option{
			usage: "Further platforms: a name and its number, 7 to 63. Built in are 1 web, 2 android, 3 ios, 4 pc, 5 " +
				"mini-program, 6 server.",
		}),
	}
}

// policyOf is the policy that a word of multi-login stands for.
func policyOf(word string) hub.Policy {
	switch word {
	case "refuse":
		return hub.PolicyRefuse
	case "allow":
		return hub.PolicyAllow
	}
	return hub.PolicyReplace
}

func (c *Config) checkPlatforms() error {
	if _, err := account.NewPlatforms(c.Platforms); err != nil {
		return fmt.Errorf("platforms (%s): %w", c.Source("platforms"), err)
	}
	return nil
}

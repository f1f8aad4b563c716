package push

import "pushd/internal/account"

// platformNames turns what callers call platforms into the names that ports take,
// and names into sets of bits.
type platformNames struct{ known *account.Platforms }

// of is the name of the one platform that id means; "" for "".
func (p platformNames) of(id account.PlatID) (string, error) {
	if id == "" {
		return "", nil
	}
	platform, err := p.known.Parse(string(id))
	if err != nil {
		return "", err
	}
	return p.known.Name(platform), nil
}

// parse is the names that ids mean, each once, and the same as a set.
func (p platformNames) parse(ids []account.PlatID) ([]string, uint64, error) {
	if len(ids) == 0 {
		return nil, 0, nil
	}
	names := make([]string, 0, len(ids))
	var set uint64
	for _, id := range ids {
		platform, err := p.known.Parse(string(id))
		if err != nil {
			return nil, 0, err
		}
		if bit := uint64(1) << platform; set&bit == 0 {
			set |= bit
			names = append(names, p.known.Name(platform))
		}
	}
	return names, set, nil
}

// set is the set of names that the Directory gave.
func (p platformNames) set(names []string) uint64 {
	var set uint64
	for _, n := range names {
		if platform, err := p.known.Parse(n); err == nil {
			set |= 1 << platform
		}
	}
	return set
}

// list names the platforms of a set in ascending order.
func (p platformNames) list(set uint64) []string {
	names := []string{}
	for platform := range account.Platform(64) {
		if set&(1<<platform) != 0 {
			names = append(names, p.known.Name(platform))
		}
	}
	return names
}

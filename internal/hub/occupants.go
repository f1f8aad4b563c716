package hub

import (
	"cmp"
	"slices"
)

// occupant is one user in a topic.
type occupant struct {
	user      string
	hash      uint64
	platforms []uint8 // one for each session
}

func (o *occupant) set() (mask uint64) {
	for _, p := range o.platforms {
		mask |= 1 << p
	}
	return mask
}

// occupants are users by the top bits of their hashes, so that a page is read
// in the order of the hashes without sorting all of them.
type occupants struct {
	buckets [][]*occupant // 1<<bits of them, or none
	bits    uint
	n       int
}

// bucketSize is how many users a bucket has on average before there are twice
// as many buckets.
const bucketSize = 8

func (c *occupants) bucket(hash uint64) int { return int(hash >> (64 - c.bits)) }

func (c *occupants) find(hash uint64, user string) *occupant {
	if c.n == 0 {
		return nil
	}
	for _, o := range c.buckets[c.bucket(hash)] {
		if o.hash == hash && o.user == user {
			return o
		}
	}
	return nil
}

func (c *occupants) add(o *occupant) {
	if c.buckets == nil {
		c.buckets = make([][]*occupant, 1)
	}
	if c.n >= bucketSize<<c.bits {
		c.resize(c.bits + 1)
	}
	b := &c.buckets[c.bucket(o.hash)]
	*b = append(*b, o)
	c.n++
}

func (c *occupants) remove(o *occupant) {
	b := &c.buckets[c.bucket(o.hash)]
	i, last := slices.Index(*b, o), len(*b)-1
	(*b)[i] = (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	c.n--
	if c.bits > 0 && c.n < bucketSize<<c.bits/8 {
		c.resize(c.bits - 1)
	}
}

func (c *occupants) resize(bits uint) {
	old := c.buckets
	c.buckets, c.bits = make([][]*occupant, 1<<bits), bits
	for _, b := range old {
		for _, o := range b {
			to := &c.buckets[c.bucket(o.hash)]
			*to = append(*to, o)
		}
	}
}

// after returns the users behind a hash, or from the beginning, until there are
// limit and no other has the hash of the last.
func (c *occupants) after(hash uint64, started bool, limit int) (list []*occupant) {
	if c.n == 0 {
		return nil
	}
	from := 0
	if started {
		from = c.bucket(hash)
	}
	for _, b := range c.buckets[from:] {
		begin := len(list)
		for _, o := range b {
			if !started || o.hash > hash {
				list = append(list, o)
			}
		}
		slices.SortFunc(list[begin:], func(a, b *occupant) int { return cmp.Compare(a.hash, b.hash) })
		if len(list) < limit {
			continue
		}
		end := limit
		for end < len(list) && list[end].hash == list[limit-1].hash {
			end++
		}
		return list[:end]
	}
	return list
}

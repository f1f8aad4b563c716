package codec

import "strconv"

// Stamp is a push to a topic with a history, all but its place there: that is
// known only when it is published, and then has to be put in quickly. The place
// stands beside Data, as the keys Topic, Offset and Epoch, so that Data is what
// it is without.
type Stamp []byte

// At is the frame of the push for a place.
func (s Stamp) At(offset uint64, epoch string) Frame {
	var space [24]byte
	var tail [64]byte
	end := append(tail[:0], `,"Epoch":`...)
	end = appendString(end, epoch)
	return join(s, strconv.AppendUint(space[:0], offset, 10), append(end, '}'))
}

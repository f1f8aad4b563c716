package codec

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/bytedance/sonic/encoder"
)

// Stamp is a push to a topic with a history, all but its place there: that is
// known only when it is published, and then has to be put in quickly. The place
// stands beside Data, as the keys Topic, Offset and Epoch, so that Data is what
// it is without.
type Stamp []byte

// NewStamp encodes a push, with the errors of Push.
func NewStamp(module, action, topic string, data any) (Stamp, error) {
	raw, err := encoder.Encode(data, encoding)
	if err != nil {
		return nil, fmt.Errorf("encode push %s.%s of %T: %w", module, action, data, err)
	}
	return NewStampRaw(module, action, topic, raw)
}

// NewStampRaw is NewStamp of data that is a JSON object already; see PushRaw.
func NewStampRaw(module, action, topic string, data []byte) (Stamp, error) {
	if s := (scanner{b: data}); s.space() != '{' {
		return nil, errors.New("the data is not a JSON object")
	}
	b := make([]byte, 0, len(data)+len(topic)+96)
	b = appendName(b, module, action)
	b = append(b, `,"Data":`...)
	b = append(b, data...)
	b = append(b, `,"Topic":`...)
	b = appendString(b, topic)
	return append(b, `,"Offset":`...), nil
}

// At is the frame of the push for a place.
func (s Stamp) At(offset uint64, epoch string) Frame {
	var space [24]byte
	var tail [64]byte
	end := append(tail[:0], `,"Epoch":`...)
	end = appendString(end, epoch)
	return join(s, strconv.AppendUint(space[:0], offset, 10), append(end, '}'))
}

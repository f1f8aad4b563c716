package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/bytedance/sonic/encoder"
)

// PushInfo describes one kind of push for whoever lists them.
type PushInfo struct {
	Module, Action string
	Doc            string       // one line of Markdown: what it says, and who gets it
	Data           reflect.Type // json.RawMessage is an object that is relayed as it came
	Remembered     bool         // topics with a history keep it: Topic, Offset and Epoch may stand beside Data
}

// PushType is one kind of push, with data of type T. A service declares its own in
// one file, pushes.go, and makes every push from them: what clients can be told is
// listed there and nowhere else. It never changes once made; the zero value makes
// no push.
type PushType[T any] struct{ info *PushInfo }

// NewPushType declares a push. T must encode to a JSON object.
func NewPushType[T any](module, action, doc string) PushType[T] {
	return PushType[T]{&PushInfo{Module: module, Action: action, Doc: doc, Data: reflect.TypeFor[T]()}}
}

// Remembered is the same push, which topics with a history may keep.
func (t PushType[T]) Remembered() PushType[T] { return PushType[T]{t.info.remembered()} }

// Info describes the push.
func (t PushType[T]) Info() PushInfo { return *t.info }

// With is a push of this type, not encoded yet.
func (t PushType[T]) With(data T) Push { return Push{info: t.info, data: data} }

// RawPushType is a PushType of any JSON object, which reaches the receivers byte for
// byte.
type RawPushType struct{ info *PushInfo }

// NewRawPushType declares a push.
func NewRawPushType(module, action, doc string) RawPushType {
	return RawPushType{&PushInfo{Module: module, Action: action, Doc: doc, Data: reflect.TypeFor[json.RawMessage]()}}
}

// Remembered is the same push, which topics with a history may keep.
func (t RawPushType) Remembered() RawPushType { return RawPushType{t.info.remembered()} }

// Info describes the push.
func (t RawPushType) Info() PushInfo { return *t.info }

// With is a push of this type. What comes from outside has to pass Decode or
// ValidObject first; only the opening bracket is looked at later. The push points
// into data until it is encoded.
func (t RawPushType) With(data json.RawMessage) Push { return Push{info: t.info, raw: data} }

func (i *PushInfo) remembered() *PushInfo {
	marked := *i
	marked.Remembered = true
	return &marked
}

// Push is one push: its type, and data that fits it. It is encoded once for all of
// its receivers. Only a PushType makes one that can be encoded.
type Push struct {
	info *PushInfo
	data any
	raw  []byte // instead of data, of a RawPushType
}

// Name is the push's module and action, as in "chat.Message".
func (p Push) Name() string {
	if p.info == nil {
		return ""
	}
	return p.info.Module + "." + p.info.Action
}

// Frame encodes the push. The error says that its data is not a JSON object.
func (p Push) Frame() (Frame, error) {
	data, err := p.encode()
	if err != nil {
		return nil, err
	}
	var space [128]byte
	head := appendName(space[:0], p.info.Module, p.info.Action)
	head = append(head, `,"Data":`...)
	return join(head, data, []byte("}")), nil
}

// Stamp encodes a push that topics with a history keep, with the errors of Frame.
func (p Push) Stamp(topic string) (Stamp, error) {
	data, err := p.encode()
	if err != nil {
		return nil, err
	}
	if !p.info.Remembered {
		return nil, fmt.Errorf("encode push %s: it is not declared as one that topics remember", p.Name())
	}
	b := make([]byte, 0, len(data)+len(topic)+96)
	b = appendName(b, p.info.Module, p.info.Action)
	b = append(b, `,"Data":`...)
	b = append(b, data...)
	b = append(b, `,"Topic":`...)
	b = appendString(b, topic)
	return append(b, `,"Offset":`...), nil
}

// encode returns the data as JSON.
func (p Push) encode() ([]byte, error) {
	if p.info == nil {
		return nil, errors.New("encode push: it was made without a push type")
	}
	data := p.raw
	if p.data != nil {
		var err error
		if data, err = encoder.Encode(p.data, encoding); err != nil {
			return nil, fmt.Errorf("encode push %s of %T: %w", p.Name(), p.data, err)
		}
	}
	if s := (scanner{b: data}); s.skipSpace() != '{' {
		return nil, fmt.Errorf("encode push %s: the data is not a JSON object", p.Name())
	}
	return data, nil
}

package chat

import "encoding/json"

// Kinds of messages. The first six are sent by users; the others stand where the
// content of a message is gone, so that a page of a conversation has no hole.
const (
	TypeText   = "text"
	TypeImage  = "img"
	TypeVoice  = "voice"
	TypeVideo  = "video"
	TypeFile   = "file"
	TypeCustom = "custom"
	TypeNotice = "notice" // told by the server: who joined, who left; Data says what

	TypeRecalled = "recalled" // its sender, or an admin of the group, took it back
	TypeGone     = "gone"     // it expired, or the reader deleted it for themselves
)

// Body is the content of a message; which fields it has follows from Type.
// Check is the rule.
type Body struct {
	Type     string          `json:"type"` // text, img, voice, video, file, custom; by the server: notice, recalled, gone
	Text     string          `json:"text,omitempty"`
	URL      string          `json:"url,omitempty"` // http, https, or a path of this server that begins with /files/
	Name     string          `json:"name,omitempty"`
	Size     int64           `json:"size,omitempty"`     // bytes
	Width    int             `json:"width,omitempty"`    // pixels
	Height   int             `json:"height,omitempty"`   // pixels
	Duration int             `json:"duration,omitempty"` // milliseconds
	Thumb    string          `json:"thumb,omitempty"`    // URL of a small picture
	Data     json.RawMessage `json:"data,omitempty"`     // of a custom message or a notice: any object
}

// Message is one row of a conversation, as clients see it in pushes, pages and
// replies. Times are Unix milliseconds.
type Message struct {
	ID   string `json:"id"` // ULID
	Conv string `json:"conv"`
	Seq  uint64 `json:"seq"` // 1, 2, 3, … in its conversation, without holes
	From string `json:"from"`
	Body
	Time      int64      `json:"time"`
	ClientID  string     `json:"client_id,omitempty"` // only in what its sender sees
	Mention   []string   `json:"mention,omitempty"`   // user ids, or "*" for all
	Expires   int64      `json:"expires,omitempty"`   // when its content goes; 0 is never
	Edited    int64      `json:"edited,omitempty"`    // when it was last edited; 0 is never
	Rev       uint64     `json:"rev,omitempty"`       // the conversation's when it last changed; 0 is never
	Reactions []Reaction `json:"reactions,omitempty"`
	OneDevice bool       `json:"one_device,omitempty"` // went to the receiver's most recently active device alone
}

// contentGone reports whether only the message's place is left.
func (m *Message) contentGone() bool { return m.Type == TypeRecalled || m.Type == TypeGone }

// Bounds on reactions.
const (
	MaxSigns    = 20 // different signs on one message
	MaxReactors = 20 // users who are named beside one sign
)

// Reaction is one sign and who gave it, in the order they did; at most 20
// are named, Count counts all.
type Reaction struct {
	Sign  string   `json:"sign"`
	Count int      `json:"count"`
	Users []string `json:"users"`
}

// Package codec is the envelope of the client protocol: it decodes requests,
// encodes replies, errors and pushes, and defines the error that answers a
// request. The doors and the services use it; it imports nothing of ours and
// knows no connection, no user and no action beyond the hot ones of robot.
//
// # What is accepted as JSON
//
// Input is RFC 8259 and nothing more. The grammar leaves some things open, and
// relayed Data reaches receivers written in every language, so each of them has
// one rule here. Decode, DecodeData and ValidObject apply the same rules, at
// every depth, and answer a breach with a 400 Error:
//
//   - Bytes that are not UTF-8 are refused: a browser drops the connection that
//     receives them (RFC 6455 section 8.1), so one sender could evict a group.
//   - A byte order mark, anything but white space after the object, and raw
//     control characters in strings are refused, as the grammar has it.
//   - Objects and arrays nest at most MaxDepth deep; the outermost object of
//     the text at hand counts as one.
//   - Duplicate keys: the last one wins, in the envelope and in typed Data, as
//     JSON.parse has it for the receivers of relayed Data. A first one must
//     still be well formed. Typed Data merges duplicate objects field by
//     field, as encoding/json does.
//   - Keys are matched exactly, case included; unknown keys are ignored.
//   - Numbers are never rewritten on the way through: relayed digits arrive as
//     they came, also above 2^53. A number is at most MaxNumber bytes long and
//     within the range of a double, so that no receiver fails to read it. A
//     typed field takes only numbers that fit it.
//   - The escape \u0000 is refused: databases and C clients cut strings there.
//   - A surrogate escape without its other half is refused: it has no UTF-8 form
//     (RFC 8259 section 8.2), and receivers disagree on what to do with it.
//
// Output is always valid UTF-8; bytes of a Go string that are not become U+FFFD.
package codec

package codec

// AppendString lets tests look at the encoder of strings.
var AppendString = appendString

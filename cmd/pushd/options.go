package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// envPrefix begins every environment variable of the server.
const envPrefix = "PUSHD_"

// option is one entry of Config, as its tags declare it.
type option struct {
	key      string // path in the file and flag name
	env      string // environment variable
	group    string // heading in the reference
	def      string // default, as text
	dev      string // default under --dev, as text
	hasDev   bool
	min, max string // bounds, as text; empty is none
	oneof    []string
	is       string // name of a textRule
	usage    string
	fileOnly bool
	secret   bool
	typ      reflect.Type
	index    []int // for reflect's FieldByIndex
}

// optionTable reads the options out of Config's tags, in their order.
func optionTable() []option {
	var table []option
	group := ""
	collect(reflect.TypeFor[Config](), "", nil, &group, &table)
	return table
}

func collect(t reflect.Type, prefix string, index []int, group *string, table *[]option) {
	for field := range t.Fields() {
		if g := field.Tag.Get("group"); g != "" {
			*group = g
		}
		name, ok := field.Tag.Lookup("key")
		if !ok {
			continue
		}
		key := prefix + name
		at := append(append([]int(nil), index...), field.Index...)
		if _, leaf := field.Tag.Lookup("default"); !leaf {
			collect(field.Type, key+".", at, group, table)
			continue
		}
		o := option{
			key:      key,
			env:      envName(key),
			group:    *group,
			def:      field.Tag.Get("default"),
			min:      field.Tag.Get("min"),
			max:      field.Tag.Get("max"),
			is:       field.Tag.Get("is"),
			usage:    field.Tag.Get("usage"),
			fileOnly: field.Tag.Get("fileonly") == "true",
			secret:   field.Type == reflect.TypeFor[Secret]() || field.Type == reflect.TypeFor[StoreURL](),
			typ:      field.Type,
			index:    at,
		}
		o.dev, o.hasDev = field.Tag.Lookup("dev")
		if words := field.Tag.Get("oneof"); words != "" {
			o.oneof = strings.Split(words, "|")
		}
		*table = append(*table, o)
	}
}

// envName is the environment variable of a key: auth.jwt.key is PUSHD_AUTH_JWT_KEY.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// byKey finds an option; ok is false when there is none of that key.
func byKey(table []option, key string) (option, bool) {
	for _, o := range table {
		if o.key == key {
			return o, true
		}
	}
	return option{}, false
}

// kind is the option's type as people read it, in --help and the reference.
func (o option) kind() string {
	switch o.typ {
	case reflect.TypeFor[bool]():
		return "bool"
	case reflect.TypeFor[int]():
		return "number"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[StoreURL]():
		return "address"
	case reflect.TypeFor[[]string](), reflect.TypeFor[[]netip.Prefix]():
		return "list"
	case reflect.TypeFor[map[string]int]():
		return "map"
	case reflect.TypeFor[[]AdminKey]():
		return "keys"
	case reflect.TypeFor[[]BotConfig]():
		return "bots"
	case reflect.TypeFor[string](), reflect.TypeFor[slog.Level]():
		if len(o.oneof) > 0 {
			return "word"
		}
		return "text"
	}
	panic(fmt.Sprintf("config: option %s has the type %s, which no source can express", o.key, o.typ))
}

// isList reports whether several values may be given.
func (o option) isList() bool {
	return o.typ.Kind() == reflect.Slice
}

package config

import (
	"reflect"
	"slices"
	"testing"

	"pushd/internal/offline"
	"pushd/internal/webhook"
)

// TestDefaultsAreThoseOfThePackages makes sure that a package whose options are
// left at zero, as in its own tests, runs on what the server ships with.
func TestDefaultsAreThoseOfThePackages(t *testing.T) {
	cfg, err := loadWith(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := OpenFiles()
	if err != nil {
		t.Fatal(err)
	}
	directory, err := cfg.HubOptions()
	if err != nil {
		t.Fatal(err)
	}
	key := NewKey()
	same(t, cfg.PollerOptions(files),
		"MaxConnections") // what this process may open
	same(t, cfg.GatewayOptions())
	same(t, directory)
	same(t, cfg.PushOptions())
	same(t, cfg.ChatOptions())
	same(t, cfg.AccountOptions())
	same(t, cfg.FilesOptions(key), "Key")
	same(t, cfg.HooksOptions(webhook.Secret{}), "Node")
	same(t, cfg.OfflineOptions(nil))
	same(t, cfg.BotOptions(nil), "Node", "Remotes")
	if got, want := cfg.PhoneGatewayOptions(webhook.Secret{}), offline.GatewayOptions(); !reflect.DeepEqual(got, want) {
		t.Errorf("the gateway for phones is called with %+v by default, the package's own is %+v", got, want)
	}
	const topic = "room.1"
	if directory.MergeWindow(topic) != 0 || directory.History(topic).Size != 0 || directory.Roster(topic) {
		t.Error("topics wait, are remembered or have a roster, and the hub's own do not")
	}
}

// same compares options, once what they leave out is filled in, with the defaults
// of their package. Functions, clocks and logs aren't compared.
func same[T interface{ WithDefaults() T }](t *testing.T, got T, except ...string) {
	t.Helper()
	var zero T
	have, want := reflect.ValueOf(got.WithDefaults()), reflect.ValueOf(zero.WithDefaults())
	for _, field := range reflect.VisibleFields(have.Type()) {
		switch field.Type.Kind() {
		case reflect.Func, reflect.Pointer, reflect.Interface:
			continue
		}
		if slices.Contains(except, field.Name) {
			continue
		}
		h, w := have.FieldByIndex(field.Index), want.FieldByIndex(field.Index)
		if h.Kind() == reflect.Slice && h.Len() == 0 && w.Len() == 0 {
			continue // none is none
		}
		if !reflect.DeepEqual(h.Interface(), w.Interface()) {
			t.Errorf("%T: %s is %v by default, the package's own is %v", got, field.Name, h, w)
		}
	}
}

// TestEveryFieldIsAnOption walks through Config and looks for the option that sets
// each field.
func TestEveryFieldIsAnOption(t *testing.T) {
	cfg := &Config{}
	set := map[any]string{}
	for _, o := range allOptions(cfg) {
		if other, twice := set[o.field]; twice {
			t.Errorf("%s and %s set the same field", o.key, other)
		}
		set[o.field] = o.key
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			field, name := v.Field(i), path+v.Type().Field(i).Name
			switch {
			case !v.Type().Field(i).IsExported():
			case set[field.Addr().Interface()] != "":
			case field.Kind() == reflect.Struct:
				walk(field, name+".")
			default:
				t.Errorf("no option sets %s", name)
			}
		}
	}
	walk(reflect.ValueOf(cfg).Elem(), "")
}

// TestDefaultsOfAnEmptyConfiguration are within their own bounds and are what
// flags and reference show.
func TestDefaultsOfAnEmptyConfiguration(t *testing.T) {
	for _, o := range allOptions(&Config{}) {
		if err := o.decode(o.def); err != nil {
			t.Errorf("%s: the default %q: %v", o.key, o.def, err)
		}
		if o.dev == "" {
			continue
		}
		if err := o.decode(o.dev); err != nil {
			t.Errorf("%s: the default of --dev %q: %v", o.key, o.dev, err)
		}
	}
}

func TestWorkersDependOnTheDatabase(t *testing.T) {
	for _, c := range []struct {
		name           string
		args           []string
		workers, queue int
	}{
		{"with a database", nil, 256, 65_536},
		{"with a database, set", []string{"--workers=3"}, 3, 65_536},
		{"without", []string{"--store=none"}, workersInMemory, queueInMemory},
		{"without, set", []string{"--store=none", "--workers=3"}, 3, queueInMemory},
	} {
		cfg, err := loadWith(t, "", nil, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		if o := cfg.GatewayOptions().WithDefaults(); o.Workers != c.workers || o.WorkerQueue != c.queue {
			t.Errorf("%s: %d workers and %d places", c.name, o.Workers, o.WorkerQueue)
		}
	}
}

// TestNoneIsNotTheDefault is about options whose zero is something else than the
// default of the package.
func TestNoneIsNotTheDefault(t *testing.T) {
	cfg, err := loadWith(t, "", nil, "--rate.messages=0", "--accounts.register-rate=0", "--hooks.events=",
		"--resume-window=0s", "--origins=")
	if err != nil {
		t.Fatal(err)
	}
	o := cfg.GatewayOptions()
	if rate := o.WithDefaults().MessageRate; rate >= 0 {
		t.Errorf("rate.messages 0 is %d a second", rate)
	}
	if origins := cfg.PollerOptions(1024).Origins; len(origins) != 0 {
		t.Errorf("no origins are %q", origins)
	}
	if !o.NoResume {
		t.Error("resume-window 0 resumes")
	}
	if n := cfg.AccountOptions().WithDefaults().Lockout.Registrations; n >= 0 {
		t.Errorf("accounts.register-rate 0 is %d a minute", n)
	}
	if events := cfg.HooksOptions(webhook.Secret{}).WithDefaults().Events; len(events) != 0 {
		t.Errorf("no events are %q", events)
	}
}

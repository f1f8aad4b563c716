package router_test

import "testing"

func BenchmarkLookup(b *testing.B) {
	tab := table()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tab.Lookup("chat", "Send"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDispatch is Lookup and Call, with and without Data.
func BenchmarkDispatch(b *testing.B) {
	tab := table()
	for _, in := range []struct{ module, action, data string }{
		{"robot", "Logout", ""}, {"chat", "Send", `{"to":"bob","size":5}`},
	} {
		b.Run(in.action, func(b *testing.B) {
			data, ctx := []byte(in.data), b.Context()
			b.ReportAllocs()
			for b.Loop() {
				route, err := tab.Lookup(in.module, in.action)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := route.Call(ctx, principal{"alice"}, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package trial

import (
	"strings"
	"testing"
)

func TestReadingProc(t *testing.T) {
	if n := tcpBuffer("inuse 10 orphan 0 tw 0 alloc 12 mem 3"); n != 3*4096 {
		t.Errorf("TCP buffers: %d", n)
	}
	if n := tcpBuffer(""); n != 0 {
		t.Errorf("TCP buffers of nothing: %d", n)
	}
	slabs := largestSlabs([]byte(`slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
TCP                 2000   2010   2432   13    8 : tunables    0    0    0 : slabdata    155    155      0
sock_inode_cache    4000   4010    832   19    4 : tunables    0    0    0 : slabdata    211    211      0
`))
	if len(slabs) != 2 || slabs[0] != (Slab{"TCP", 2000, 2432, 155 * 8 * 4096}) {
		t.Errorf("%+v", slabs)
	}
}

func TestCostOfEachConnection(t *testing.T) {
	e := each([]Memory{
		{When: "empty", ServerRSS: 1000, Slab: 500, Objects: 10},
		{When: "connected", ServerRSS: 3000, Slab: 8500, ClientRSS: 400},
		{When: "settled", ServerRSS: 2000, Objects: 50},
	}, 10)
	if want := (Each{ServerRSS: 200, ServerSettled: 100, HeapObjects: 4, Kernel: 800, ClientRSS: 40}); e != want {
		t.Errorf("%+v", e)
	}
}

func TestTextNamesWhatWentWrong(t *testing.T) {
	r := Result{Parameters: Config{Servers: 1}, Broadcasts: []Broadcast{{Received: 1}}, Memory: []Memory{{When: "empty"}}, VM: &VM{Accelerator: "tcg"}}
	r.Problems.Add(0, "nothing")
	r.Problems.Add(3, "connections lost")
	if text := r.Text(); !strings.Contains(text, "connections lost (3)") || strings.Contains(text, "nothing") || !strings.Contains(text, "tcg") {
		t.Error(text)
	}
}

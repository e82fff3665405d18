//go:build linux

package main

import "testing"

func TestFromBenchmarks(t *testing.T) {
	rows := fromBenchmarks([]byte(`goos: linux
BenchmarkRedactor_PlainLine-2   	  420932	      2801 ns/op	  65.34 MB/s	       0 B/op
BenchmarkFootprint/rest-2 	       1	         13.95 PSS-MB	         1.220 cpu-ms/min	         0.19 wakeups/s	 30 RSS-MB
BenchmarkFootprint/gateway-2 	       1	         800 gateway-cpu-ms/min-silent-client	         720 gateway-cpu-ms/min-clawtray
PASS
`))
	want := []float64{65.34, 13.95, 1.22, 0.19, 720}
	if len(rows) != len(want) {
		t.Fatalf("%+v", rows)
	}
	for i, r := range rows {
		if met, has := r.Met(); r.Ours != want[i] || has && !met {
			t.Errorf("%+v", r)
		}
	}
	if last := rows[len(rows)-1]; last.ByPeer() != 0.9 {
		t.Errorf("%+v", last)
	}
}

//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"

	"clawtray/packaging/figures"
)

// machine says what was measured on.
func machine() string {
	model := runtime.GOARCH
	if info, err := cpu.Info(); err == nil && len(info) > 0 {
		model = info[0].ModelName
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), model)
}

// metrics are the figures that Go benchmarks report, with the rows they become.
var metrics = map[string]figures.Row{
	"Footprint/icon icon-ms":                             {Part: "On a desktop (Xfce)", Name: "from exec to the icon", Unit: "ms", Goal: 20},
	"Footprint/disk disk-MB":                             {Part: "On a desktop (Xfce)", Name: "program on disk", Unit: "MB", Goal: 12},
	"Footprint/rest PSS-MB":                              {Part: "On a desktop (Xfce)", Name: "memory at rest", Unit: "MB", Goal: 15},
	"Footprint/rest cpu-ms/min":                          {Part: "On a desktop (Xfce)", Name: "processor time a minute at rest", Unit: "ms", Goal: 5},
	"Footprint/rest wakeups/s":                           {Part: "On a desktop (Xfce)", Name: "wake-ups a second at rest", Goal: 0.2},
	"Footprint/gateway gateway-cpu-ms/min-clawtray":      {Part: "On a desktop (Xfce)", Name: "the gateway's processor time a minute", Unit: "ms", Peer: "a client that is silent"},
	"XH24_Remains/5000 cpu-ms/op":                        {Part: "At scale: processor time of clawtray", Name: "what a gateway left among 5000 processes", Unit: "ms"},
	"Redactor_PlainLine MB/s":                            {Part: "At scale: processor time of clawtray", Name: "redacting lines without secrets, a second", Unit: "MB", Goal: 50, More: true},
	"Redactor_EscapedLine MB/s":                          {Part: "At scale: processor time of clawtray", Name: "redacting lines with escapes, a second", Unit: "MB"},
	"Footprint/gateway gateway-cpu-ms/min-silent-client": {},
}

// desktop runs the Go benchmarks of the module that have a row.
func desktop(ctx context.Context) ([]figures.Row, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Footprint|XH24_Remains|Redactor_PlainLine|Redactor_EscapedLine)$", "-timeout", "60m",
		"./rpc/redact", "./supervisor/machine", "./tray")
	cmd.Env = append(os.Environ(), "CLAWTRAY_TEST_NODE="+os.Getenv("NODE"), "CLAWTRAY_TEST_OPENCLAW="+os.Getenv("OPENCLAW"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return fromBenchmarks(out), nil
}

// fromBenchmarks reads lines like "BenchmarkName/sub-2  1  13.9 PSS-MB  3 cpu-ms/min".
func fromBenchmarks(out []byte) (rows []figures.Row) {
	values := map[string]float64{}
	var order []string
	for line := range bytes.Lines(out) {
		words := strings.Fields(string(line))
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(words[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of processors
			name = name[:i]
		}
		for i := 2; i+1 < len(words); i += 2 {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil {
				values[name+" "+words[i+1]] = v
				order = append(order, name+" "+words[i+1])
			}
		}
	}
	for _, key := range order {
		row := metrics[key]
		if row.Name == "" {
			continue
		}
		row.Ours = values[key]
		if row.Peer != "" {
			row.Its = values["Footprint/gateway gateway-cpu-ms/min-silent-client"]
		}
		rows = append(rows, row)
	}
	return rows
}

package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process asks for the time without a system call: the kernel puts a small library,
// the vDSO, into its memory, and Go calls clock_gettime there. A wall clock that jumps
// for clawtray alone is therefore another clock_gettime in its own copy of that
// library. The machine's clock, the gateway and all other processes stay as they are.
// What this leaves out: the times of files stay those of the machine.
// (A time namespace, unshare -T, cannot do it: it moves the monotonic clock and that
// of the boot only, and of programs that start, not of one that runs.)

// jump sets the wall clock of clawtray, and waits until it says so in its log.
// Everything has to be in order while the clock is wrong.
func jump(by time.Duration) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		from := len(h.log())
		if err := setClock(h.clawtray.Process.Pid, by); err != nil {
			return err
		}
		if err := wait(ctx, "clawtray notices that the clock jumped", func() bool {
			text := h.log()
			return bytes.Contains(text[min(from, len(text)):], []byte("the clock jumped"))
		}); err != nil {
			return err
		}
		if wrong := h.wrongAtRest(); len(wrong) > 0 {
			return errors.New(strings.Join(wrong, "; "))
		}
		return nil
	}
}

// killAndJump has the clock jump while there is no gateway.
func killAndJump(by time.Duration) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		return errors.Join(signalGateway(syscall.SIGKILL)(ctx, h), setClock(h.clawtray.Process.Pid, by))
	}
}

func setClockRight(_ context.Context, h *house) error { return setClock(h.clawtray.Process.Pid, 0) }

func clock(*house) string {
	if _, _, err := vdso(os.Getpid()); err != nil {
		return err.Error()
	}
	return ""
}

// clockCode is clock_gettime for amd64: it makes the system call and adds seconds to
// the wall clock's answer.
//
//	mov eax, 228; syscall; test edi, edi; jne end; add qword [rsi], seconds; end: ret
func clockCode(seconds int32) []byte {
	code := []byte{0xb8, 228, 0, 0, 0, 0x0f, 0x05, 0x85, 0xff, 0x75, 0x07, 0x48, 0x81, 0x06}
	return append(binary.LittleEndian.AppendUint32(code, uint32(seconds)), 0xc3)
}

// setClock makes the wall clock of a process differ from the machine's.
func setClock(pid int, by time.Duration) error {
	begin, symbol, err := vdso(pid)
	if err != nil {
		return err
	}
	code, at := clockCode(int32(by/time.Second)), begin+symbol
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	for range 1000 { // one try is enough, unless a thread is just reading the clock
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		free, err := outsideOf(pid, at, at+uint64(len(code)))
		if err == nil && free {
			_, err = memory.WriteAt(code, int64(at))
		}
		if err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)); err != nil || free {
			return err
		}
	}
	return fmt.Errorf("process %d reads the clock all the time", pid)
}

// outsideOf waits until all threads of a process have stopped, and reports whether none
// of them has stopped in [begin, end).
func outsideOf(pid int, begin, end uint64) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		text := []byte("running")
		for string(bytes.TrimSpace(text)) == "running" && err == nil {
			text, err = os.ReadFile(filepath.Join(thread, "syscall"))
		}
		if err != nil {
			return false, err
		}
		fields := strings.Fields(string(text)) // the last one is the program counter
		counter, err := strconv.ParseUint(fields[len(fields)-1], 0, 64)
		if err != nil || counter >= begin && counter < end {
			return false, err
		}
	}
	return true, err
}

// vdso finds the vDSO of a process, and clock_gettime in it. It is the same library in
// every process, at another address.
func vdso(pid int) (begin, symbol uint64, err error) {
	image, _, err := vdsoOf(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	library, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, 0, err
	}
	if library.Machine != elf.EM_X86_64 {
		return 0, 0, errors.New("the code of another clock exists for amd64 only")
	}
	symbols, err := library.DynamicSymbols()
	if err != nil {
		return 0, 0, err
	}
	_, begin, err = vdsoOf(pid)
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return begin, s.Value, err
		}
	}
	return 0, 0, errors.New("the kernel's library has no clock_gettime")
}

// vdsoOf reads the vDSO of a process.
func vdsoOf(pid int) (image []byte, begin uint64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var end uint64
		if !strings.HasSuffix(line, "[vdso]\n") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
			return nil, 0, err
		}
		memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		if err != nil {
			return nil, 0, err
		}
		defer memory.Close()
		image = make([]byte, end-begin)
		_, err = memory.ReadAt(image, int64(begin))
		return image, begin, err
	}
	return nil, 0, fmt.Errorf("process %d has no vDSO", pid)
}

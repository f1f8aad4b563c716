package vm

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// archive writes the "newc" form of cpio, which is what the kernel unpacks as
// its first file system (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w    io.Writer
	next uint32 // inode number
	at   int64
	err  error
}

// Modes as stat(2) has them.
const (
	modeDirectory = 0o040755
	modeProgram   = 0o100755
	modeFile      = 0o100644
)

func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(b)
	a.at += int64(n)
	a.err = err
}

func (a *archive) pad() { a.write(make([]byte, -a.at&3)) }

func (a *archive) header(name string, mode uint32, size int64) {
	a.next++
	// Fields: inode, mode, uid, gid, links, time, size, device of the file, device it stands for, length of the name, checksum.
	a.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.next, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name))
	a.pad()
}

func (a *archive) directory(name string) { a.header(name, modeDirectory, 0) }

func (a *archive) file(name string, mode uint32, content []byte) {
	a.header(name, mode, int64(len(content)))
	a.write(content)
	a.pad()
}

// end closes the archive; the first error of all calls is returned here.
func (a *archive) end() error {
	a.header("TRAILER!!!", 0, 0)
	return a.err
}

// initramfs packs the guest's whole file system into a file.
func initramfs(to string, programs map[string]string, files map[string][]byte) error {
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("initramfs: %w", err)
	}
	a := &archive{w: out}
	for _, dir := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		a.directory(dir)
	}
	for name, from := range programs {
		b, err := os.ReadFile(from)
		if err != nil {
			_ = out.Close()
			return fmt.Errorf("initramfs: %w", err)
		}
		a.file(strings.TrimPrefix(name, "/"), modeProgram, b)
	}
	for name, b := range files {
		a.file(strings.TrimPrefix(name, "/"), modeFile, b)
	}
	err = a.end()
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("initramfs: %w", err)
	}
	return nil
}

package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kernelPackage only names the current kernel; the package it depends on has it.
const kernelPackage = "linux-image-cloud-amd64"

// kernel is Debian's for virtual machines, unpacked beside the build and not
// installed. It is fetched once for each directory.
func kernel(ctx context.Context, dir string) (image, pkg string, err error) {
	if image, pkg := unpacked(dir); image != "" {
		return image, pkg, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", fmt.Errorf("kernel: %w", err)
	}
	out, err := command(ctx, dir, "apt-cache", "depends", "--important", kernelPackage)
	if err != nil {
		return "", "", fmt.Errorf("kernel: %w", err)
	}
	name := ""
	for line := range strings.Lines(out) {
		if dependency, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
			name = "linux-image-" + dependency
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("kernel: %s depends on no kernel; try apt-get update", kernelPackage)
	}
	if _, err := command(ctx, dir, "apt-get", "-qq", "download", name); err != nil {
		return "", "", fmt.Errorf("kernel (apt-get update may help): %w", err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "linux-image-*.deb")) // the pattern is well formed
	if len(files) != 1 {
		return "", "", fmt.Errorf("kernel: %d packages in %s, want one", len(files), dir)
	}
	if _, err := command(ctx, dir, "dpkg-deb", "-x", filepath.Base(files[0]), "."); err != nil {
		return "", "", fmt.Errorf("kernel: %w", err)
	}
	if image, pkg := unpacked(dir); image != "" {
		return image, pkg, nil
	}
	return "", "", errors.New("kernel: the package has no boot/vmlinuz")
}

func unpacked(dir string) (image, pkg string) {
	images, _ := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	packages, _ := filepath.Glob(filepath.Join(dir, "linux-image-*.deb"))
	if len(images) != 1 || len(packages) != 1 {
		return "", ""
	}
	return images[0], strings.TrimSuffix(filepath.Base(packages[0]), ".deb")
}

// command runs a program in dir and returns what it printed.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, exit.Stderr)
		}
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}

package vm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pushd/bench/million/internal/guest"
)

// plannedSettings prints what scripts/sysctl would set on a machine that has
// none of it, one key=value a line.
const plannedSettings = `source scripts/sysctl/values.sh
plan "$1"
for key in "${keys[@]}"; do echo "$key=$(wanted "$key" "")"; done
echo "files=$limit_files"`

// Settings are the kernel parameters that scripts/sysctl has for so many
// connections on a machine of so much memory (MiB), and the limit on open files.
func Settings(ctx context.Context, connections, memory int) (settings []guest.Setting, files uint64, err error) {
	root, err := os.MkdirTemp("", "million-sysctl")
	if err != nil {
		return nil, 0, fmt.Errorf("kernel parameters: %w", err)
	}
	defer func() { _ = os.RemoveAll(root) }() // a temporary one
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		return nil, 0, fmt.Errorf("kernel parameters: %w", err)
	}
	info := fmt.Sprintf("MemTotal: %d kB\nMemAvailable: %d kB\n", memory<<10, memory<<10)
	if err := os.WriteFile(filepath.Join(root, "proc", "meminfo"), []byte(info), 0o644); err != nil {
		return nil, 0, fmt.Errorf("kernel parameters: %w", err)
	}
	out, err := command(ctx, ".", "env", "PUSHD_SYSCTL_ROOT="+root, "bash", "-euo", "pipefail", "-c", plannedSettings, "settings", strconv.Itoa(connections))
	if err != nil {
		return nil, 0, fmt.Errorf("kernel parameters: %w", err)
	}
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			return nil, 0, fmt.Errorf("kernel parameters: %q is none", line)
		}
		if key != "files" {
			settings = append(settings, guest.Setting{Key: key, Value: value})
			continue
		}
		if files, err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, 0, fmt.Errorf("kernel parameters: %w", err)
		}
	}
	return settings, files, nil
}

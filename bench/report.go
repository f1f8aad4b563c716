package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"pushd/bench/internal/page"
	"pushd/bench/internal/report"
)

func reportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "report RESULT.json …",
		Short:   "Make a page with plots of a result, or of several side by side",
		Example: `  pushbench report --output report.html before.json after.json`,
		Args:    cobra.RangeArgs(1, page.MaxResults),
		RunE: func(_ *cobra.Command, files []string) error {
			var results []page.Named
			for _, file := range files {
				r, err := report.ReadFile(file)
				if err != nil {
					return err
				}
				name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
				results = append(results, page.Named{Name: name, Result: r})
			}
			f, err := os.Create(output)
			if err != nil {
				return fmt.Errorf("report: %w", err)
			}
			if err := page.Write(f, results); err != nil {
				_ = f.Close() // what is in it is of no use
				return err
			}
			if err := f.Close(); err != nil {
				return fmt.Errorf("report: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "report.html", "the file to write")
	return cmd
}

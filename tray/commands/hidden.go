//go:build !man

package commands

import "github.com/spf13/cobra"

func hidden(*app) []*cobra.Command { return nil }

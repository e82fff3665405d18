package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"clawtray/supervisor/requests"
	"clawtray/supervisor/words"
	"clawtray/tray"
)

// approvals shows the requests that wait for a person, and answers them (BEHAVIOUR R1, R2).
func approvals(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "approvals"}
	c.Flags().BoolVar(&asJSON, "json", false, "")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := a.client().Requests(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), all)
		}
		_, err = io.WriteString(cmd.OutOrStdout(), tray.Asking(all, time.Now()))
		return err
	}
	c.AddCommand(answer(a, "allow", requests.Allow), answer(a, "deny", requests.Deny))
	return c
}

// printJSON prints requests as JSON. Without requests, it prints [].
func printJSON(out io.Writer, all []requests.Request) error {
	if all == nil {
		all = []requests.Request{}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", text)
	}
	return err
}

// answer is the command that answers one request.
func answer(a *app, name string, decision requests.Decision) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: name + " ID", Args: func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return mistake("%s", words.Here().Wrong.OneID)
		}
		return nil
	}}
	c.Flags().BoolVar(&asJSON, "json", false, "")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		cl := a.client()
		all, err := cl.Requests(cmd.Context())
		if err != nil {
			return err
		}
		r, err := tray.Named(args[0], all)
		if err != nil {
			return err
		}
		result, err := cl.Answer(cmd.Context(), r.ID, decision)
		switch {
		case err != nil:
			return err
		case result == requests.Gone:
			return errors.New(tray.Became(r, result))
		case asJSON:
			return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"id": r.ID, "result": result})
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), tray.Became(r, result))
		return err
	}
	return c
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"assim/trust"
)

type recoverySettings struct {
	Data string `name:"data" default:"/var/lib/assim/cma" usage:"directory of the CMA's keys"`
}

func recoveryCommand() command {
	set := &recoverySettings{}
	return command{
		name: "recovery-key", args: "[take FILE | print]", short: "carry away the key that makes a stolen CMA harmless",
		long: "The CMA made it with its other keys. Whoever steals those is shut out by it, and lost ones\n" +
			"are replaced by it, without a system joining again: so it must lie elsewhere. take moves it\n" +
			"into a file, on a stick for example; print shows it in one line for paper, and leaves it.\n" +
			"Used it is by assim rotate cma -recovery FILE, or cma -recovery FILE when the keys are gone.",
		examples: "  assim recovery-key\n  assim recovery-key take /media/stick/assim-recovery\n  assim recovery-key print",
		settings: set, offline: true,
		run: func(_ context.Context, a *app, args []string) error {
			file := filepath.Join(set.Data, trust.RecoveryFile)
			switch {
			case len(args) == 0:
				return a.recoveryKey(file)
			case len(args) == 2 && args[0] == "take":
				return a.takeRecoveryKey(file, args[1])
			case len(args) == 1 && args[0] == "print":
				return a.printRecoveryKey(file)
			}
			return usagef("say assim recovery-key, assim recovery-key take FILE, or assim recovery-key print")
		},
	}
}

// whereRecovery explains why there is no recovery key to be had.
func whereRecovery(file string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not there: it was taken away already, or the CMA has another -data", file)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is for root and the user of the CMA; try sudo", file)
	}
	return err
}

func (a *app) recoveryKey(file string) error {
	key, err := trust.LoadRecoveryKey(file)
	if errors.Is(err, fs.ErrNotExist) {
		if a.JSON {
			return a.printJSON(map[string]any{"here": false})
		}
		fmt.Fprintf(a.out, "It is not here: %s was taken away, or the CMA has another -data.\n", file)
		return nil
	}
	if err != nil {
		return whereRecovery(file, err)
	}
	pin := trust.RecoveryPin(key).String()
	if a.JSON {
		return a.printJSON(map[string]any{"here": true, "file": file, "pin": pin})
	}
	a.facts([][2]string{{"recovery key", file}, {"pin", pin}})
	fmt.Fprintln(a.out, "It lies on the CMA itself: whoever steals the CMA has it, too. assim recovery-key take FILE")
	return nil
}

func (a *app) printRecoveryKey(file string) error {
	key, err := trust.LoadRecoveryKey(file)
	if err != nil {
		return whereRecovery(file, err)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"key": trust.RecoveryString(key), "pin": trust.RecoveryPin(key).String()})
	}
	fmt.Fprintln(a.out, trust.RecoveryString(key))
	return nil
}

// takeRecoveryKey moves the key: it is removed here only when it was read back
// from there.
func (a *app) takeRecoveryKey(file, to string) error {
	key, err := trust.LoadRecoveryKey(file)
	if err != nil {
		return whereRecovery(file, err)
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory; name a file in it", to)
	}
	if err := trust.SaveRecoveryKey(to, key); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("it is in %s now, and still here: %w", to, err)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"file": to, "pin": trust.RecoveryPin(key).String()})
	}
	a.facts([][2]string{{"recovery key", to}, {"pin", trust.RecoveryPin(key).String()}})
	fmt.Fprintln(a.out, "It is no longer on the CMA. Keep it where nobody who gets the CMA gets it.")
	return nil
}

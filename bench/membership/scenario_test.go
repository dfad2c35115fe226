package main

import (
	"testing"
	"time"
)

func TestAFalseDeathIsALossThatNobodyTookBackInTime(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(1000+s), 0) }
	all := []news{
		{at(0), 1, 7, true}, {at(1), 2, 7, true}, {at(4), 2, 7, false}, // taken back by one of two in time
		{at(0), 1, 8, true}, {at(9), 1, 8, false}, // too late
		{at(2), 3, 9, true}, // never
	}
	for _, c := range []struct {
		patience        time.Duration
		except          []int
		deaths, accused int
	}{{7 * time.Second, nil, 2, 4}, {7 * time.Second, []int{8}, 1, 3}, {0, nil, 3, 4}} {
		if deaths, accused := falseDeaths(all, c.patience, c.except); deaths != c.deaths || accused != c.accused {
			t.Errorf("patience %v without %v: %d deaths and %d accusations, want %d and %d", c.patience, c.except, deaths, accused, c.deaths, c.accused)
		}
	}
}

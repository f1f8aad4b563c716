package api_test

import (
	"testing"

	"pushd/internal/account"
	"pushd/internal/delivery/delivertest"
	"pushd/internal/store/storetest"
)

// accounts is a service on a database of its own, with nobody connected.
type accounts struct {
	*account.Service
	guard *account.Guard
}

func newAccounts(t testing.TB, o account.Options) accounts {
	t.Helper()
	guard, err := account.NewGuard("0123456789abcdef0123456789abcdef", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Hash = account.HashOptions{Memory: 64, Passes: 1}
	s, err := account.New(account.Ports{Store: storetest.Open(t, storetest.SQLite), Guard: guard, Sessions: delivertest.NewNode(nil)}, o)
	if err != nil {
		t.Fatal(err)
	}
	return accounts{s, guard}
}

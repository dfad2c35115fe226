// Command cma is the server: one per installation.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"assim/api"
	"assim/cma"
	"assim/config"
	"assim/discovery/script"
	"assim/graph"
	"assim/graph/bolt"
	"assim/graph/embedded"
	"assim/query"
	"assim/trust"
	"assim/version"
)

// settings are what an operator may set.
type settings struct {
	Data      string        `name:"data" default:"/var/lib/assim/cma" usage:"directory for the keys and, unless -store says otherwise, the graph"`
	Run       string        `name:"run" default:"/run/assim" usage:"directory for the local sockets"`
	LocalUser string        `name:"local-user" default:"nanoprobe" usage:"user who may join by the local socket besides root, if there is one of that name: this host's nanoprobe"`
	Listen    string        `name:"listen" default:":1984" usage:"[ADDRESS]:PORT for nanoprobes, UDP and TCP"`
	Store     string        `name:"store" default:"embedded" usage:"where the graph is: embedded (in -data), the path of an embedded store, or bolt://USER@HOST:7687 or neo4j://... (+s for TLS) for Neo4j"`
	Password  string        `name:"store-password-file" usage:"file whose first line is the password for Neo4j"`
	Retention time.Duration `name:"retention" default:"2160h" usage:"how long earlier versions of the graph are kept, for -at and assim diff; 0 keeps them for ever"`
	Backups   string        `name:"backups" usage:"directory in which assim backup writes (default: backups in -data)"`
	Profile   string        `name:"profile" default:"default" usage:"how impatient heartbeats are: fast (0.2 s), default (1 s) or quiet (5 s)"`
	ProfileOf []string      `name:"profile-of" usage:"another profile for systems whose names fit, the first that fits counts: NAMES=PROFILE with * and ? in NAMES, e.g. db-*=fast"`
	Schedule  []string      `name:"schedule" usage:"how often discovery types look, where it is not the default: TYPE=INTERVAL, TYPE=never, TYPE=events"`
	Zero      bool          `name:"zero-configuration" usage:"let systems without a join string ask to be accepted by hand (labs)"`
	Strict    bool          `name:"strict" usage:"single-use, bound join strings and approval by hand; no multicast"`
	Queries   string        `name:"queries" default:"/etc/assim/queries.d" usage:"directory of the site's own canned queries"`
	Scripts   string        `name:"scripts" default:"/etc/assim/discover.d" usage:"directories, with : between, of mappings (NAME.toml) for the documents of discovery scripts"`
	Recovery  string        `name:"recovery" usage:"file of the recovery key, for a start after the keys in -data were lost"`
	Debug     bool          `name:"debug" usage:"log more"`
}

// Exit codes, also in the help text.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	var s settings
	program := config.Program{
		Name: "cma", Version: version.String("cma"),
		Synopsis: `cma is the server: nanoprobes tell it what they discover and who fell silent; it keeps
all of it in one graph. There is one per installation. Stop it with SIGTERM: nothing
it acknowledged is lost, even by kill -9.`,
		Examples: `  cma
  cma -data /srv/assim -listen 10.0.0.5:1984
  ASSIM_CMA_PROFILE=fast cma

Exit status: 0 stopped by SIGTERM or SIGINT, 1 an error, 2 settings not understood.`,
	}
	rest, err := config.Load(program, &s, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return
	case err == nil && len(rest) > 0:
		err = fmt.Errorf("cma takes no arguments, only settings; %q is none", rest[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "cma:", strings.TrimPrefix(err.Error(), "cma: "))
		os.Exit(exitFailed)
	}
}

func run(ctx context.Context, s settings) error {
	level := slog.LevelInfo
	if s.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	timing, classes, err := readProfiles(s.Profile, s.ProfileOf)
	if err != nil {
		return err
	}
	schedule, err := readSchedule(s.Schedule)
	if err != nil {
		return err
	}
	queries, err := query.Load(siteQueries(s.Queries))
	if err != nil {
		log.Warn("some of the site's queries are left out", "directory", s.Queries, "error", err)
	}
	mappings, problems := script.MappingsIn(s.Scripts, os.DirFS)
	for _, p := range problems {
		log.Warn("a mapping is left out", "directory", s.Scripts, "error", p)
	}
	if s.Retention < 0 {
		return fmt.Errorf("-retention %s is negative; 0 keeps all versions for ever", s.Retention)
	}
	backups, err := backupDir(s)
	if err != nil {
		return err
	}
	store, where, err := openStore(ctx, s)
	if err != nil {
		return err
	}
	var remote http.Handler
	server, err := cma.New(ctx, cma.Config{
		Operators: func(ctx context.Context, conn *tls.Conn) { api.ServeConn(ctx, conn, remote) },
		Data:      s.Data, Recovery: s.Recovery, LocalUser: userNumber(s.LocalUser), Run: s.Run, Listen: s.Listen, Timing: timing, Classes: classes, Schedule: schedule, Store: where, Mappings: mappings,
		Policy: trust.Policy{ZeroConfiguration: s.Zero, Strict: s.Strict},
	}, store, log)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	face := &api.Server{Store: store, Queries: queries, Journal: server.Journal, Tokens: server, Operators: server.Operators(), Status: server.Status,
		Reindex: server.Reindex, Backups: backups, Gate: server.Gate()}
	remote = api.Guard(face.Handler(), server.Operators().Allowed)
	return errors.Join(serve(ctx, s, server, face), store.Close())
}

// serve runs the server and, once it is up, its face on the local socket.
func serve(ctx context.Context, s settings, server *cma.CMA, face *api.Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	failed := make(chan error, 1)
	running.Go(func() {
		select {
		case <-server.Ready():
			if err := serveSocket(ctx, filepath.Join(s.Run, api.SocketName), face.Handler()); err != nil {
				failed <- err
				cancel()
			}
		case <-ctx.Done():
		}
	})
	err := server.Run(ctx)
	cancel()
	select {
	case own := <-failed:
		return errors.Join(err, own)
	default:
		return err
	}
}

// openStore opens the graph and says where it is.
func openStore(ctx context.Context, s settings) (graph.Store, string, error) {
	path := s.Store
	if bolt.IsAddress(path) {
		uri, opt, err := bolt.ParseAddress(path, s.Password)
		if err != nil {
			return nil, "", err
		}
		opt.Retention = s.Retention
		store, err := bolt.Open(ctx, uri, opt)
		return store, "Neo4j, " + uri, err
	}
	if path == "embedded" {
		path = filepath.Join(s.Data, "graph.db")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, "", fmt.Errorf("the store's directory: %w; choose another with -data", err)
	}
	store, err := embedded.Open(path, embedded.Options{Retention: s.Retention})
	return store, "embedded, " + path, err
}

// userNumber is the number of a user; 0 when there is none of that name.
func userNumber(name string) uint32 {
	u, err := user.Lookup(name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// backupDir is where backups are written.
func backupDir(s settings) (string, error) {
	if s.Backups != "" {
		return filepath.Abs(s.Backups)
	}
	return filepath.Abs(filepath.Join(s.Data, "backups"))
}

// serveSocket serves operators of this host: root and the group of the socket.
func serveSocket(ctx context.Context, path string, h http.Handler) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("the local socket: %w; choose another directory with -run", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// serviceStart is how long a service may take until it listens.
const serviceStart = 10 * time.Second

// Nginx runs a real nginx that listens on all addresses and answers every
// request with the system's name.
func (l *Lab) Nginx(system string, port int) (*Process, error) {
	dir, err := l.serviceDir(system, "nginx", port)
	if err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`daemon off;
user root;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]d;
		listen [::]:%[2]d;
		location / { return 200 "%[3]s\n"; }
	}
}
`, dir, port, system)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return l.service(system, port, "nginx", "-p", dir, "-e", "stderr", "-c", file)
}

// Redis runs a real redis that listens on all addresses and keeps nothing.
func (l *Lab) Redis(system string, port int) (*Process, error) {
	dir, err := l.serviceDir(system, "redis", port)
	if err != nil {
		return nil, err
	}
	return l.service(system, port, "redis-server", "--port", strconv.Itoa(port), "--bind", "* -::*",
		"--protected-mode", "no", "--save", "", "--daemonize", "no", "--dir", dir)
}

func (l *Lab) serviceDir(system, name string, port int) (string, error) {
	dir := filepath.Join(l.Dir, "service", fmt.Sprintf("%s-%s-%d", system, name, port))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	return dir, nil
}

func (l *Lab) service(system string, port int, args ...string) (*Process, error) {
	p, err := l.Start(system, args...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), serviceStart)
	defer cancel()
	if err := l.WaitListening(ctx, system, port); err != nil {
		return nil, fmt.Errorf("%w; %s printed:\n%s", err, args[0], p.Tail(20))
	}
	return p, nil
}

// WaitListening waits until something accepts TCP connections at a port of the
// system.
func (l *Lab) WaitListening(ctx context.Context, system string, port int) error {
	at := net.JoinHostPort(l.Addr(system).String(), strconv.Itoa(port))
	return Until(ctx, fmt.Sprintf("port %d of %s accepts connections", port, system), func() error {
		return l.Inside(system, func() error {
			c, err := net.DialTimeout("tcp", at, time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
	})
}

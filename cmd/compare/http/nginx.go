package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/multi-layer-cache/multi-layer-cache/cmd/compare/internal/process"
)

// nginxConfig has all files in the folder given with -p. A connection may be
// used for more than the 1000 requests of the default.
const nginxConfig = `daemon off;
pid nginx.pid;
error_log stderr error;
worker_processes %d;
%sevents { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
%s}
`

const nginxReturn = `	server {
		listen %s;
		location / {
			default_type %s;
			return 200 '%s';
		}
	}
`

const nginxProxy = `	proxy_cache_path cache keys_zone=hot:1m inactive=1h;
	server {
		listen %s;
		location / {
			proxy_pass %s;
			proxy_cache hot;
			proxy_cache_valid 200 1h;
		}
	}
`

func (b *bench) nginxReturn(dir, addr string) (process.Command, error) {
	return b.nginx(dir, fmt.Sprintf(nginxReturn, addr, contentType, valueOf(hotKey)))
}

func (b *bench) nginxProxy(dir, addr string) (process.Command, error) {
	return b.nginx(dir, fmt.Sprintf(nginxProxy, addr, b.originSite.url()))
}

// nginx starts a worker for each CPU of the servers. It stays the user that
// runs it: one who has no right to change that is not told to.
func (b *bench) nginx(dir, servers string) (process.Command, error) {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root root;\n"
	}
	config := fmt.Sprintf(nginxConfig, max(1, len(b.cpus.servers)), user, servers)
	file := filepath.Join(dir, "nginx.conf")
	return process.Command{Argv: []string{b.tools[toolNginx], "-e", "stderr", "-p", dir, "-c", file}}, os.WriteFile(file, []byte(config), 0o600)
}

package main

import (
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/sqlsource/sqltest"
)

// service is one of docker-compose.yml. A variable without a value is passed on.
type service struct {
	Environment map[string]*string
	Profiles    []string
	Ports       []string
	Command     []string
	Limit       string `yaml:"mem_limit"`
}

func composed(t *testing.T, name string) service {
	t.Helper()
	var file struct{ Services map[string]service }
	require.NoError(t, yaml.Unmarshal([]byte(readAll(t, "docker-compose.yml")), &file))
	require.Contains(t, file.Services, name)
	return file.Services[name]
}

// fallback matches what compose puts in where a variable is not set.
var fallback = regexp.MustCompile(`\$\{\w+:-([^}]*)\}`)

// variables returns the environment of the container when nothing is set outside.
func (s service) variables() map[string]string {
	set := make(map[string]string)
	for name, value := range s.Environment {
		if value != nil {
			set[name] = fallback.ReplaceAllString(*value, "$1")
		}
	}
	return set
}

// startShop does what docker compose does with the profile postgres, without
// containers: it fills a real PostgreSQL and starts the program in front of it, with
// the settings of the service shop. Addresses are those of this test.
func startShop(t *testing.T) *process {
	t.Helper()
	settings, image := composed(t, "shop").variables(), composed(t, "postgres").variables()
	server := sqltest.StartPostgres(t)
	server.Exec("CREATE DATABASE " + image["POSTGRES_DB"])
	dsn, err := url.Parse(settings["MLCACHE_SOURCE_DSN"])
	require.NoError(t, err)
	require.Equal(t, "/"+image["POSTGRES_DB"], dsn.Path)
	require.Equal(t, "postgres:5432", dsn.Host)
	server.ExecIn(image["POSTGRES_DB"], readAll(t, "docs/compose/shop.sql"))
	here, err := url.Parse(server.DSN())
	require.NoError(t, err)
	dsn.Host = here.Host
	settings["MLCACHE_SOURCE_DSN"], settings["MLCACHE_REDIS_URL"] = dsn.String(), ""
	delete(settings, "MLCACHE_ADDR")
	delete(settings, "MLCACHE_DRAIN_DELAY") // the test does not wait for it
	return launchWith(t, settings)
}

func TestComposeServesTheRowsOfItsPostgreSQL(t *testing.T) {
	t.Parallel()
	shop := startShop(t)
	require.Equal(t, `{"name":"Pot","price":12.00}`, shop.mustGet("/data/7").body)
	require.Len(t, shop.batch("1", "2", "7"), 3)
}

func TestComposeKeepsItsPostgreSQLToItself(t *testing.T) {
	postgres, shop := composed(t, "postgres"), composed(t, "shop")
	require.Empty(t, postgres.Ports)
	require.NotEmpty(t, postgres.Limit)
	require.Equal(t, []string{"postgres"}, postgres.Profiles)
	require.Equal(t, []string{"postgres"}, shop.Profiles, "the others work without it")
	require.NotEqual(t, composed(t, "api").Environment["MLCACHE_REDIS_PREFIX"], shop.Environment["MLCACHE_REDIS_PREFIX"], "they share a Redis")
}

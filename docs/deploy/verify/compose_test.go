package verify

import (
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// composed is docker-compose.yml with all its profiles, as docker compose reads it: what
// its schema does not know is an error.
func composed(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../../../docker-compose.yml"}, cli.WithProfiles([]string{"*"}), cli.WithName("mlcache"))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestEachContainerIsConfined(t *testing.T) {
	project := composed(t)
	require.Len(t, project.Services, 6)
	for name, service := range project.Services {
		require.NotZero(t, service.MemLimit, name)
		require.NotZero(t, service.PidsLimit, name)
		require.True(t, service.ReadOnly, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Empty(t, service.CapAdd, name)
		require.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, name)
		}
		for _, volume := range service.Volumes {
			require.Equal(t, types.VolumeTypeBind, volume.Type, name)
			require.True(t, volume.ReadOnly, "%s: %s", name, volume.Source)
			_, err := os.Stat(volume.Source)
			require.NoError(t, err, name)
		}
	}
}

// Redis takes up to 2.5 times of its maxmemory when values grow
// (TestFleetRedisOfComposeStaysWithinItsMemory).
func TestRedisHasRoomForWhatItDoesNotGiveBack(t *testing.T) {
	redis := composed(t).Services["redis"]
	var max types.UnitBytes
	for i, argument := range redis.Command {
		if argument == "--maxmemory" {
			require.NoError(t, max.DecodeMapstructure(redis.Command[i+1]))
		}
	}
	require.NotZero(t, max)
	require.GreaterOrEqual(t, int64(redis.MemLimit), 3*int64(max))
}

func TestTheServiceEndsBeforeItIsKilled(t *testing.T) {
	for _, name := range []string{"api", "shop"} {
		service := composed(t).Services[name]
		require.Equal(t, "5s", *service.Environment["MLCACHE_DRAIN_DELAY"])
		require.Equal(t, "25s", service.StopGracePeriod.String(), "5 s of drain, 15 s of shutdown, and a margin")
	}
}

// A tag such as latest or a bare number is another image tomorrow.
func TestImagesAreOfOneVersion(t *testing.T) {
	for name, service := range composed(t).Services {
		if service.Build != nil {
			continue
		}
		_, tag, found := strings.Cut(service.Image, ":")
		require.True(t, found, name)
		require.Regexp(t, `^v?[0-9]+(\.[0-9]+)+`, tag, name)
	}
}

func TestGrafanaAndPrometheusAskNobodyAndTellNobody(t *testing.T) {
	settings := composed(t).Services["grafana"].Environment
	for name, value := range map[string]string{
		"GF_AUTH_BASIC_ENABLED": "false", "GF_AUTH_DISABLE_LOGIN_FORM": "true", "GF_ANALYTICS_REPORTING_ENABLED": "false",
		"GF_ANALYTICS_CHECK_FOR_UPDATES": "false", "GF_PLUGINS_PREINSTALL_DISABLED": "true",
	} {
		require.NotNil(t, settings[name], name)
		require.Equal(t, value, *settings[name], name)
	}
}

//go:build wireinject

package main

import (
	"log/slog"

	"github.com/google/wire"

	"github.com/multi-layer-cache/multi-layer-cache/adapters/counters"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/httpapi"
	"github.com/multi-layer-cache/multi-layer-cache/adapters/lru"
	"github.com/multi-layer-cache/multi-layer-cache/app"
	"github.com/multi-layer-cache/multi-layer-cache/ports"
)

// assemble puts the program together. The adapters meet the use case here and
// nowhere else. The function it returns closes what was opened.
func assemble(cfg Config, log *slog.Logger) (*program, func(), error) {
	wire.Build(
		newL1,
		wire.Bind(new(ports.L1Store), new(*lru.Cache)),
		wire.Bind(new(httpapi.Memory), new(*lru.Cache)),

		newTracing,

		newL2,
		wire.FieldsOf(new(sharedLayer), "Store", "Locker", "Bus", "Purger", "Hot", "Health"),

		newRoutes,
		newSources,
		newChangeEvents,

		counters.New,
		wire.Bind(new(ports.Recorder), new(*counters.Recorder)),
		wire.Bind(new(httpapi.Counter), new(*counters.Recorder)),
		counters.NewAnswers,
		wire.Bind(new(httpapi.Answers), new(*counters.Answers)),
		newExposition,
		newMiddleware,

		wire.Struct(new(app.Ports), "L1", "L2", "Locker", "Bus", "Purger", "Hot", "Recorder", "Logger"), // the routes have sources
		app.NewRouter,
		newCache,
		keyCheck,

		labels,
		access,
		limits,
		wire.Struct(new(httpapi.Parts), "*"),
		httpapi.New,

		wire.Struct(new(program), "*"),
	)
	return nil, nil, nil
}

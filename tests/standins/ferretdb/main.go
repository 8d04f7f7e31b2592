// Stands in for mongod in tests: FerretDB speaks MongoDB's protocol over SQLite. It lets everybody in.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if os.Args[1] == "--version" {
		fmt.Println("FerretDB v1.24.0, standing in for mongod")
		return
	}
	text, err := os.ReadFile(os.Args[2]) // after --config
	if err != nil {
		log.Fatal(err)
	}
	value := func(key string) string {
		return string(regexp.MustCompile(`(?m)^ *` + key + `: "?([^"\n]+)"?$`).FindSubmatch(text)[1])
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: net.JoinHostPort(value("bindIp"), value("port"))},
		Handler:   "sqlite",
		SQLiteURL: "file:" + value("dbPath") + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}

#!/bin/sh
# Orders as JSON lines, through Kafka's own console producer. The broker gives out no producer ids, so the producer asks for none.
set -eu
PATH="$PATH:/opt/kafka/bin"

orders() {
  order=$(date +%s)000
  # As long as this script lives, however it ends.
  while kill -0 $$ 2>/dev/null; do
    order=$((order + 1))
    case $((order % 3)) in 0) country=NO ;; 1) country=PT ;; *) country=JP ;; esac
    id="\"order_id\":$order,"
    [ $((order % 50)) -ne 0 ] || id=""
    echo "{$id\"country\":\"$country\",\"amount\":$((order % 90 + 10)).$((order % 9))0,\"created_at\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}"
    sleep 0.5
  done
}

orders | kafka-console-producer.sh --bootstrap-server "$KAFKA_BOOTSTRAP" --topic orders \
  --producer-property enable.idempotence=false --producer-property acks=all &
# As process 1 of a container it would ignore these.
trap 'kill $! 2>/dev/null' TERM INT
wait $!

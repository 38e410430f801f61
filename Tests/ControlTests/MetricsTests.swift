import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct MetricsTests {
    private func families(_ text: String) -> [String: String] {
        var kinds: [String: String] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("# TYPE ") {
            let words = line.split(separator: " ")
            kinds[String(words[2])] = String(words[3])
        }
        return kinds
    }

    /// The samples with their labels, and their values.
    private func samples(_ text: String) -> [String: Double] {
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let space = line.lastIndex(of: " ") ?? line.startIndex
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return samples
    }

    @Test func namesFollowTheConventions() async throws {
        try await ControlHarness.run { podium in
            let text = try await podium.client.metrics()
            let kinds = families(text)
            for (name, kind) in kinds {
                #expect(name.hasPrefix("podium_") || name.hasPrefix("process_"))
                #expect(name.hasSuffix("_total") == (kind == "counter"), "\(name)")
                #expect(kind != "histogram" || name.hasSuffix("_seconds"), "\(name)")
                #expect(text.contains("# HELP \(name) "))
            }
            for sample in samples(text).keys {
                let name = sample.prefix { $0 != "{" }
                let family = kinds.keys.contains { base in
                    name == base || (kinds[base] == "histogram" && name.hasPrefix(base + "_"))
                }
                #expect(family, "\(sample) belongs to no family")
            }
        }
    }

    @Test func whatHappensIsCounted() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            let status = request.body == "bad" ? "400 Bad" : "200 OK"
            return [.send("HTTP/1.1 \(status)\r\nContent-Length: 5\r\n\r\nhello")]
        }
        try await ControlHarness.run(
            endpoints: ["good \\\"one\\\""].map { "\"\($0)\"" }, url: "http://127.0.0.1:\(upstream.port)"
        ) { podium in
            for body in ["ok", "ok", "bad"] {
                let raw = try await RawClient.connect(port: podium.port)
                try await raw.send(
                    "POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                        + body)
                #expect(await raw.untilClosed().hasSuffix("hello"))
            }
            _ = try await podium.client.setPinned("good \"one\"", true)
            let label = "endpoint=\"good \\\"one\\\"\""
            try await eventually {
                samples(try await podium.client.metrics())["podium_requests_in_flight"] == 0
            }
            let found = samples(try await podium.client.metrics())
            #expect(found["podium_requests_total{\(label),code=\"200\",outcome=\"completed\"}"] == 2)
            #expect(found["podium_requests_total{\(label),code=\"400\",outcome=\"completed\"}"] == 1)
            #expect(found["podium_attempts_total{\(label),outcome=\"success\"}"] == 2)
            #expect(found["podium_attempts_total{\(label),outcome=\"declined\"}"] == 1)
            #expect(found["podium_attempt_first_byte_seconds_count{\(label)}"] == 2)
            #expect(found["podium_attempt_first_byte_seconds_bucket{\(label),le=\"+Inf\"}"] == 2)
            #expect(found["podium_request_body_bytes_total{\(label)}"] == 7)
            #expect(found["podium_response_body_bytes_total{\(label)}"] == 15)
            #expect(found["podium_endpoint_state{\(label),state=\"available\"}"] == 1)
            #expect(found["podium_endpoint_state{\(label),state=\"open\"}"] == 0)
            #expect(found["podium_endpoint_rank{\(label)}"] == 1)
            #expect(found["podium_persist_writes_total{trigger=\"operator\"}"] == 1)
            #expect(found["podium_persist_dirty"] == 0)
            #expect((found["process_resident_memory_bytes"] ?? 0) > 1e6)
            let descriptors = found["process_open_fds"] ?? 0
            #expect(descriptors > 3 && descriptors <= found["process_max_fds"] ?? 0)
        }
        try await upstream.stop()
    }

    @Test func numbersAndLabelsAreWrittenAsPrometheusReadsThem() {
        var text = MetricsText()
        text.begin("a_seconds", .histogram, "Help.")
        text.histogram(bounds: [5_000, 1_000_000], counts: [1, 0, 2], sumMicroseconds: 1_500_000, [("l", "x\\\"\ny")])
        text.begin("b", .gauge, "Help.")
        text.sample(0.25)
        text.sample(UInt64.max)
        #expect(
            text.text == """
                # HELP a_seconds Help.
                # TYPE a_seconds histogram
                a_seconds_bucket{l="x\\\\\\"\\ny",le="0.005"} 1
                a_seconds_bucket{l="x\\\\\\"\\ny",le="1"} 1
                a_seconds_bucket{l="x\\\\\\"\\ny",le="+Inf"} 3
                a_seconds_sum{l="x\\\\\\"\\ny"} 1.5
                a_seconds_count{l="x\\\\\\"\\ny"} 3
                # HELP b Help.
                # TYPE b gauge
                b 0.25
                b 18446744073709551615

                """)
    }

    /// The dashboard and the documentation name only metrics that exist; the documentation names them all.
    @Test func thePapersNameWhatIsThere() async throws {
        let docs = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs")
        let dashboard = try String(contentsOf: docs.appending(path: "grafana-dashboard.json"), encoding: .utf8)
        let page = try String(contentsOf: docs.appending(path: "control-api.md"), encoding: .utf8)
        #expect(try JSONSerialization.jsonObject(with: Data(dashboard.utf8)) is [String: Any])
        try await ControlHarness.run { podium in
            // Those of a cluster are there where there is one.
            var cluster = MetricsText()
            cluster.addCluster(ClusterReport())
            let kinds = families(try await podium.client.metrics() + cluster.text)
            var known = Set(kinds.keys)
            for (name, kind) in kinds where kind == "histogram" || kind == "summary" {
                known.formUnion(["_bucket", "_sum", "_count"].map { name + $0 })
            }
            for paper in [dashboard, page] {
                let named = Set(paper.matches(of: #/\b(podium|process)_[a-z_]*[a-z]\b/#).map { String($0.output.0) })
                #expect(named.subtracting(known).isEmpty, "\(named.subtracting(known))")
            }
            for name in kinds.keys {
                #expect(page.contains("`\(name)`"), "\(name) is not documented")
            }
        }
    }
}

import Foundation
import NIOHTTP1
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Control

/// docs/openapi.json says what the code does: the same paths, methods and statuses, the same keys.
@Suite(.timeLimit(.minutes(15)))
struct DescriptionTests {
    private typealias Object = [String: Any]

    /// Statuses that any route may answer with, apart from those of the table.
    private static let common: Set<Int> = [401, 403, 404, 413]

    private let description: Object

    init() throws {
        let docs = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/openapi.json")
        description = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: docs)) as? Object)
    }

    private var schemas: [String: Object] {
        (description["components"] as? Object)?["schemas"] as? [String: Object] ?? [:]
    }

    @Test func itHasTheRoutesOfTheTable() throws {
        let paths = try #require(description["paths"] as? [String: Object])
        #expect(Set(paths.keys) == Set(Route.all.map(\.path)))
        for (path, item) in paths {
            let described = Set(item.keys).subtracting(["parameters"])
            let routes = Route.all.filter { $0.path == path }
            #expect(described == Set(routes.map { $0.method.rawValue.lowercased() }), "\(path)")
            for route in routes {
                let operation = try #require(item[route.method.rawValue.lowercased()] as? Object)
                #expect(operation["operationId"] as? String == route.operation.rawValue)
                let responses = try #require(operation["responses"] as? Object)
                let statuses = Set(responses.keys.compactMap(Int.init))
                #expect(statuses.isSuperset(of: route.statuses), "\(route.operation): \(statuses)")
                #expect(statuses.subtracting(route.statuses).isSubset(of: Self.common), "\(route.operation)")
                #expect((operation["requestBody"] != nil) == route.hasBody, "\(route.operation)")
                let parameters = operation["parameters"] as? [Object] ?? []
                let takesRevision = parameters.contains { ($0["$ref"] as? String)?.hasSuffix("/IfMatch") == true }
                #expect(takesRevision == route.takesRevision, "\(route.operation)")
                let security = operation["security"] as? [Object]
                #expect(security?.isEmpty == (route.access == .anybody), "\(route.operation)")
            }
        }
    }

    @Test func everyOperationHasARoute() {
        #expect(Set(Route.all.map(\.operation)) == Set(Route.Operation.allCases))
        #expect(Route.all.count == Route.Operation.allCases.count)
    }

    /// Every key that is written is described, and every key that has to be there is written.
    @Test func itHasTheKeysOfTheAnswers() throws {
        var endpoint = Snapshot.Endpoint()
        endpoint.availability.until = 1
        endpoint.availability.cause = ""
        endpoint.availability.reason = "quota"
        endpoint.limitedModels = [.init(model: "", until: 1, cause: "", reason: "model")]
        endpoint.usedLimits = [.init(name: "spend", used: 1, limit: 1, usable: 1, until: 1, isReached: true)]
        (endpoint.limits, endpoint.active) = ("spend 1 per day", "08:00-09:00")
        endpoint.misconfiguration = ""
        endpoint.notInFile = ""
        endpoint.lastError = .init(time: 1, text: "")
        (endpoint.url, endpoint.urlAnthropic, endpoint.urlOpenAI) = ("", "", "")
        (endpoint.maskedSecret, endpoint.priority, endpoint.proxy) = ("", 1, .environment)
        endpoint.caFile = "ca.pem"
        endpoint.maxTokensField = "max_completion_tokens"
        endpoint.headers = [.init(name: "a", value: "b")]
        endpoint.traffic = Self.fullTraffic
        endpoint.explanation = Self.fullExplanation
        var snapshot = Snapshot()
        (snapshot.server.warning, snapshot.server.drainingUntil) = ("", 1)
        (snapshot.endpointsVersion, snapshot.endpointsSince) = (2, 1)
        (snapshot.server.cpuSeconds, snapshot.server.residentBytes) = (1, 1)
        snapshot.traffic = Self.fullTraffic
        snapshot.endpoints = [endpoint]
        snapshot.persister = Self.fullPersister
        var flush = Snapshot.Flush()
        (flush.errorCode, flush.error) = ("", "")
        snapshot.flushes = [flush]
        snapshot.events = [.init(id: 1, time: 1, level: "info", source: "", endpoint: "", text: "")]
        (snapshot.events[0].count, snapshot.events[0].firstID, snapshot.events[0].firstTime) = (2, 1, 1)
        snapshot.journal = [Self.fullChange]
        (snapshot.undo, snapshot.redo) = ("", "")
        try check(snapshot, "Snapshot")
        try check(EndpointList(revision: 1, endpoints: [endpoint]), "EndpointList")
        try check(CommandReceipt(message: "", revision: 1, endpoint: endpoint, undo: ""), "Receipt")
        try check(HealthReport(status: "pass", reasons: []), "Health")
        var step = RequestWalk.Step("", .asked, "", until: 1)
        (step.outcome, step.verdict, step.status, step.firstByteSeconds, step.seconds) = ("", "", 1, 1, 1)
        (step.firstContentSeconds, step.tokensPerSecond) = (1, 1)
        try check(
            RequestWalk(
                id: "", time: 1, method: "", path: "", api: "", status: 1, ending: "", endpoint: "", bytesUp: 1,
                bytesDown: 1, firstByteSeconds: 1, seconds: 1, sameID: 1, route: "session", queuedSeconds: 1,
                refusal: "",
                steps: [step], unlisted: 1,
                knowsAll: true),
            "RequestWalk")
        var settings = ClientSettings(name: "", token: "")
        (settings.expires, settings.limits) = ("", "")
        var client = ClientList.Entry(settings)
        (client.usedLimits, client.problem) = (endpoint.usedLimits, "")
        try check(ClientList(revision: 1, clients: [client]), "ClientList")
        var row = UsageReport.Row(values: [""])
        (row.firstByteP50Seconds, row.firstByteP95Seconds) = (1, 1)
        (row.totalP50Seconds, row.totalP95Seconds, row.tokensPerSecondP50) = (1, 1, 1)
        (row.firstContentP50Seconds, row.firstContentP95Seconds) = (1, 1)
        var usage = UsageReport(
            span: "", by: ["endpoint"], currency: "", pricesDate: "", problem: "", rows: [row], total: row)
        usage.repricing = .init(problem: "", left: [.init(endpoint: "", model: "", requests: 1, reason: "")])
        try check(usage, "UsageReport")
        var cluster = ClusterReport(name: "")
        (cluster.lostSeconds, cluster.problem) = (1, "")
        cluster.instances = [
            .init(
                name: "", address: "", version: "", isSelf: true, isAlive: true, seenSeconds: 1, uptimeSeconds: 1,
                revision: 1, behindSeconds: 1)
        ]
        try check(cluster, "Cluster")
        var stood = AvailabilityReport.Row(endpoint: "", time: "")
        (stood.rankMean, stood.rankBest, stood.rankWorst) = (1, 1, 1)
        try check(
            AvailabilityReport(
                span: "", problem: "", rows: [stood],
                changes: [.init(key: 1, time: 1, endpoint: "", before: "up", after: "off")]), "AvailabilityHistory")
        var logged = RequestLogReport.Row(key: 1, time: 1, kind: "", ending: "")
        (logged.id, logged.status, logged.endpoint, logged.model, logged.client) = ("", 1, "", "", "")
        logged.modelAsked = ""
        (logged.firstByteSeconds, logged.firstContentSeconds, logged.cost) = (1, 1, "")
        (logged.input, logged.output, logged.cacheRead, logged.reasoning) = (1, 1, 1, 1)
        (logged.cacheWrite5m, logged.cacheWrite1h) = (1, 1)
        logged.walk = [
            .init(endpoint: "", outcome: "", verdict: "", status: 1, firstByteSeconds: 1, seconds: 1)
        ]
        try check(RequestLogReport(problem: "", requests: [logged]), "RequestLog")
        var running = OpenRequestReport.Row(key: "", id: "", age: 1, phase: .waiting, client: "", path: "")
        (running.endpoint, running.model, running.firstByteSeconds) = ("", "", 1)
        try check(OpenRequestReport(requests: [running]), "OpenRequests")
        try check(EventHistoryReport(problem: "", events: snapshot.events), "EventHistory")
        try check(
            FlushHistoryReport(
                problem: "",
                flushes: [
                    .init(
                        key: 1, time: 1, trigger: "", generation: 1, changes: 1, bytesChanged: 1, fileSize: 1,
                        encodeSeconds: 1, writeSeconds: 1, fsyncSeconds: 1, renameSeconds: 1, totalSeconds: 1,
                        result: "", errorCode: "")
                ]), "FlushHistory")
        try check(FilePreview(lines: [.init(kind: .kept, number: 1, text: "")]), "Preview")
        let change = RevisionChange(revision: 1, time: 1, actor: "", text: "")
        try check(
            CommandRefusal(.forbidden, "", field: "", revision: 1, changes: [change]), "Problem")
        try check(Snapshot(), "Snapshot", complete: false)
    }

    @Test func itHasTheKeysOfTheDocuments() throws {
        for name in ["EndpointDocument", "EndpointChange"] {
            let properties = try #require(schemas[name]?["properties"] as? Object)
            #expect(Set(properties.keys) == Set(EndpointField.current.map(\.documentKey)))
        }
        let client = try #require(schemas["ClientDocument"]?["properties"] as? Object)
        #expect(Set(client.keys) == Set(ClientField.allCases.map(\.key)))
    }

    @Test func itHasTheWordsOfTheCode() throws {
        func words(_ schema: String, _ property: String) throws -> Set<String> {
            let properties = try #require(schemas[schema]?["properties"] as? [String: Object])
            return Set(try #require(properties[property]?["enum"] as? [String]))
        }
        let codes = try words("Problem", "code")
        #expect(codes == Set(CommandRefusal.Code.allCases.map(\.rawValue)))
        let states = try words("Endpoint", "state")
        #expect(states == Set(Snapshot.Endpoint.State.allCases.map(\.rawValue)))
        let kinds = try words("Availability", "kind")
        #expect(kinds == Set(Snapshot.Endpoint.Availability.Kind.allCases.map(\.rawValue)))
        let reasons = try words("Availability", "reason")
        let causes = Set(TimeOutCause.allCases.map(\.rawValue))
        let own = [Snapshot.Endpoint.Availability.limitReason, Snapshot.Endpoint.Availability.inactiveReason]
        #expect(reasons == causes.union(own))
        let modelReasons = try words("LimitedModel", "reason")
        #expect(modelReasons == causes)
        let keeps = try words("Margin", "kept_by")
        #expect(keeps == Set(Snapshot.Explanation.Margin.Keep.allCases.map(\.rawValue)))
        let steps = try words("RequestStep", "result")
        #expect(steps == Set(RequestWalk.Step.Result.allCases.map(\.rawValue)))
        let routes = try words("RequestWalk", "route")
        #expect(routes == Set(RouteReason.allCases.map(\.rawValue)).subtracting([RouteReason.order.rawValue]))
        let phases = try words("OpenRequest", "phase")
        #expect(phases == Set(OpenRequestReport.Phase.allCases.map(\.rawValue)))
        #expect(phases == Set(OpenRequest.Phase.allCases.map(\.rawValue)))
        let results = try words("Flush", "result")
        #expect(results == Set(Snapshot.Flush.Result.allCases.map(\.rawValue)))
    }

    private func check(_ value: some Encodable, _ schema: String, complete: Bool = true) throws {
        let json = try JSONSerialization.jsonObject(with: Data(JSONBody.encode(value)))
        try check(json, try #require(schemas[schema]), at: schema, complete: complete)
    }

    private func check(_ json: Any, _ schema: Object, at place: String, complete: Bool) throws {
        var schema = schema
        if let reference = schema["$ref"] as? String {
            schema = try #require(schemas[String(reference.split(separator: "/").last ?? "")], "\(place)")
        }
        if let list = json as? [Any], let items = schema["items"] as? Object {
            for element in list {
                try check(element, items, at: place + "[]", complete: complete)
            }
        }
        guard let object = json as? Object, let properties = schema["properties"] as? [String: Object] else {
            return
        }
        let required = Set(schema["required"] as? [String] ?? [])
        #expect(required.subtracting(object.keys).isEmpty, "\(place) lacks keys")
        #expect(Set(object.keys).subtracting(properties.keys).isEmpty, "\(place) has keys that are not described")
        if complete {
            #expect(Set(properties.keys).subtracting(object.keys).isEmpty, "\(place): described and never written")
        }
        for (key, value) in object {
            try check(value, properties[key] ?? [:], at: "\(place).\(key)", complete: complete)
        }
    }

    private static var fullTraffic: Snapshot.Traffic {
        var traffic = Snapshot.Traffic()
        (traffic.sessions, traffic.queued) = (1, 1)
        (traffic.successRatio, traffic.p50Seconds, traffic.p95Seconds, traffic.p99Seconds) = (1, 1, 1, 1)
        (traffic.firstContentP50Seconds, traffic.firstContentP95Seconds) = (1, 1)
        (traffic.wholeAnswerP50Seconds, traffic.wholeAnswerP95Seconds) = (1, 1)
        (traffic.tokensPerSecondP50, traffic.tokensPerSecondP5) = (1, 1)
        (traffic.replayBytes, traffic.unreplayable) = (1, 1)
        return traffic
    }

    private static var fullChange: Snapshot.RankChange {
        var change = Snapshot.RankChange()
        (change.other, change.share) = ("", 1)
        return change
    }

    private static var fullExplanation: Snapshot.Explanation {
        var margin = Snapshot.Explanation.Margin()
        (margin.lowerIsFasterBy, margin.passesBelowSeconds, margin.until) = (1, 1, 1)
        var time = Snapshot.Explanation.ResponseTime()
        (time.ageSeconds, time.kind) = (1, "stream")
        var explanation = Snapshot.Explanation()
        (explanation.responseTime, explanation.pinnedRank, explanation.otherTime) = (time, 1, time)
        (explanation.above, explanation.below) = (margin, margin)
        (explanation.lastFailure, explanation.lastChange) = ("", fullChange)
        return explanation
    }

    private static var fullPersister: Snapshot.Persister {
        var persister = Snapshot.Persister()
        (persister.dirtySince, persister.oldestUnsavedSeconds, persister.nextDeadline) = (1, 1, 1)
        (persister.nextTrigger, persister.maxDirtyDeadline, persister.writingSince) = ("retry", 1, 1)
        (persister.lastError, persister.refusedFile, persister.memoryOnly) = ("", "", "")
        persister.file = .init(size: 1, mode: 1, backupTime: 1)
        return persister
    }
}

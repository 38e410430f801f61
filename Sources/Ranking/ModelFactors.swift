/// How long each model takes, as a multiple of the first model that was measured, so that an endpoint is not slow because it was asked for
/// the slower model.
///
/// A factor is learnt within one endpoint and never from two: what the endpoint takes for this model against what it takes for others. So
/// the slowness of an endpoint never becomes that of a model. The exception cannot be helped: what an endpoint that was never measured
/// answers with a model that was never measured either says nothing about which of the two is fast. Such an endpoint is taken to be as fast
/// as is usual, and its model begins a scale of its own (`isComparable`) until an endpoint has answered often enough with models of both.
///
/// Where all answers are of one model its factor is one, and all times are what they are.
///
/// Clients and endpoints choose the names of models. So at most 32 are remembered, for all endpoints together; a name that was seen a few
/// times only makes room for the next, and one that is in use for none.
struct ModelFactors: Sendable {
    /// Models that are remembered.
    static let capacity = 32
    /// After this many samples a factor is known well enough to measure by. Those before teach it, and measure nothing.
    static let lessons: UInt32 = 8
    /// How far one pair of samples moves a known factor, at most: 1/64 of the way.
    private static let slowest = 64.0
    /// A model that was not in use for so long makes room for another.
    private static let oblivion = Duration.seconds(3_600)
    /// Two samples of one endpoint tell two models apart if they are not further apart than that.
    private static let pairing = Duration.seconds(300)
    private static let range = 1e-4...1e4

    private struct Entry: Sendable {
        var model: UInt32
        var samples: UInt32
        /// Its factor is one for ever.
        var isFirst: Bool
        var factor: Double
        var lastUse: RankingTime
        /// Factors of models that have the same number here are known to each other.
        var scale: UInt32
        /// What an endpoint of another scale has taken for the model so far.
        var bridge: Bridge?
    }

    /// The way from one scale to another, as far as it is known.
    private struct Bridge: Sendable {
        let scale: UInt32
        var samples: UInt32
        /// The mean of the model's factors on the other scale.
        var factor: Double
    }

    /// Two scales have become one.
    struct Joining: Sendable {
        /// Times that were measured by these models are on another scale now.
        let models: [UInt32]
        /// What to multiply them by.
        let ratio: Double
    }

    private var entries: [Entry] = []
    private var last = 0
    /// The model that was measured most often by far, when that was last looked at: figures of its scale are compared.
    private var main = 0
    private var scales: UInt32 = 0
    /// What has changed of the scales since `takeChange`.
    private var change: Change?

    /// What the figures of endpoints have to follow.
    enum Change: Sendable {
        case joined(Joining)
        /// Other figures are compared from now on.
        case compared
    }

    /// The last sample of an endpoint, brought to the first model.
    struct Previous: Sendable {
        var model: UInt32
        var seconds: Double
        var at: RankingTime
    }

    /// Models that are remembered now.
    var count: Int { entries.count }

    /// The factor of the model that was measured most often; 1 where one model is all there is.
    var commonFactor: Double {
        entries.max { $0.samples < $1.samples }?.factor ?? 1
    }

    /// Brings a sample to the time that the first model would have taken.
    ///
    /// - Parameters:
    ///   - level: what the endpoint takes on average, brought to the first model; nil where nothing is measured of it
    ///   - usual: what is usual for all; nil where nothing is measured at all
    ///   - previous: the endpoint's sample before
    /// - Returns: nil where the model's factor is not known yet, or not on the endpoint's scale
    mutating func normalise(
        _ seconds: Double, of model: UInt32, level: Double?, usual: Double?, previous: Previous?, at now: RankingTime
    ) -> Double? {
        let scale = level == nil ? nil : scale(of: previous)
        guard let index = find(model) ?? insert(model, on: scale, at: now) else { return nil }
        entries[index].lastUse = now
        if entries[index].samples < .max { entries[index].samples += 1 }
        if !entries[index].isFirst, entries[index].samples <= Self.lessons {
            if let scale, entries[index].scale != scale { begin(index, on: scale) }
            learn(seconds, level: level ?? usual, index)
            return nil
        }
        if let scale, let level, level > 0, entries[index].scale != scale {
            bridge(seconds / level, from: scale, index)
            return nil
        }
        compareMost(index)
        let normalised = seconds / entries[index].factor
        if let previous, previous.model != model, !entries[index].isFirst, previous.at + Self.pairing > now {
            refine(index, normalised, previous)
        }
        return normalised
    }

    // MARK: Scales

    /// Whether a figure that was measured by the model may be compared with others.
    ///
    /// - Parameter model: nil: an earlier process has measured it
    func isComparable(_ model: UInt32?) -> Bool {
        guard main < entries.count, let model, entries[main].model != model,
            let entry = entries.first(where: { $0.model == model })
        else { return true }
        return entry.scale == entries[main].scale
    }

    /// - Returns: what has changed since this was asked last
    mutating func takeChange() -> Change? {
        guard change != nil else { return nil }
        defer { change = nil }
        return change
    }

    /// The scale of an endpoint that was measured; what an earlier process has measured is on the one that is compared.
    private func scale(of previous: Previous?) -> UInt32? {
        guard let previous else { return main < entries.count ? entries[main].scale : nil }
        if last < entries.count, entries[last].model == previous.model { return entries[last].scale }
        return entries.first { $0.model == previous.model }?.scale
    }

    /// What was learnt by an assumption is learnt again where it can be known.
    private mutating func begin(_ index: Int, on scale: UInt32) {
        entries[index].scale = scale
        entries[index].samples = 1
        entries[index].factor = 1
    }

    /// An endpoint of another scale has answered with the model. After as many lessons as a factor takes both scales are one.
    ///
    /// - Parameter factor: the model's on that scale, by this answer
    private mutating func bridge(_ factor: Double, from scale: UInt32, _ index: Int) {
        var bridge = entries[index].bridge ?? Bridge(scale: scale, samples: 0, factor: 0)
        if bridge.scale != scale { bridge = Bridge(scale: scale, samples: 0, factor: 0) }
        bridge.samples += 1
        bridge.factor += (factor - bridge.factor) / Double(bridge.samples)
        entries[index].bridge = bridge
        guard bridge.samples >= Self.lessons else { return }
        let ratio = Self.bounded(Self.bounded(bridge.factor) / entries[index].factor)
        let own = entries[index].scale
        if scale == entries[main].scale {
            join(own, into: scale, by: ratio)
        } else {
            join(scale, into: own, by: 1 / ratio)
        }
    }

    private mutating func join(_ scale: UInt32, into other: UInt32, by ratio: Double) {
        var models: [UInt32] = []
        for index in entries.indices {
            entries[index].bridge = nil
            guard entries[index].scale == scale else { continue }
            entries[index].scale = other
            entries[index].factor = Self.bounded(entries[index].factor * ratio)
            models.append(entries[index].model)
        }
        change = .joined(Joining(models: models, ratio: 1 / ratio))
    }

    /// Figures of the scale that most answers are measured by are compared. Not by a narrow majority, which comes and goes.
    @inline(__always)
    private mutating func compareMost(_ index: Int) {
        if index != main, entries[index].scale != entries[main].scale { compareMost(against: index) }
    }

    private mutating func compareMost(against index: Int) {
        guard entries[index].samples / 2 > entries[main].samples else { return }
        main = index
        change = .compared
    }

    /// For the next process, which has one scale.
    func memory(_ kind: AnswerKind) -> [RankingMemory.Factor] {
        entries.filter { $0.scale == entries[main].scale }.map {
            RankingMemory.Factor(
                kind: kind, model: $0.model, samples: $0.samples, isFirst: $0.isFirst, factor: $0.factor)
        }
    }

    /// Goes on with what an earlier process has learnt.
    mutating func restore(_ factors: [RankingMemory.Factor], at now: RankingTime) {
        entries = []
        (last, main, scales) = (0, 0, 0)
        for factor in factors.prefix(Self.capacity) where !entries.contains(where: { $0.model == factor.model }) {
            let isFirst = factor.isFirst && !entries.contains { $0.isFirst }
            entries.append(
                Entry(
                    model: factor.model, samples: factor.samples, isFirst: isFirst,
                    factor: Self.bounded(factor.factor), lastUse: now, scale: 0))
        }
    }

    private mutating func learn(_ seconds: Double, level: Double?, _ index: Int) {
        let ratio = level.map { $0 > 0 ? seconds / $0 : 1 } ?? 1
        let mean = entries[index].factor + (ratio - entries[index].factor) / Double(entries[index].samples)
        entries[index].factor = Self.bounded(mean)
    }

    /// The endpoint has just taken `previous` for another model. A single pair says little, and its weight is bounded however odd it is.
    private mutating func refine(_ index: Int, _ normalised: Double, _ previous: Previous) {
        let sum = normalised + previous.seconds
        guard sum > 0 else { return }
        let step = 2 * (normalised - previous.seconds) / sum / min(Self.slowest, Double(entries[index].samples))
        entries[index].factor = Self.bounded(entries[index].factor * (1 + step))
    }

    private static func bounded(_ factor: Double) -> Double {
        min(max(factor, range.lowerBound), range.upperBound)
    }

    private mutating func find(_ model: UInt32) -> Int? {
        // Most requests ask for what the one before asked for.
        if last < entries.count, entries[last].model == model { return last }
        guard let index = entries.firstIndex(where: { $0.model == model }) else { return nil }
        last = index
        return index
    }

    /// - Parameter scale: of the endpoint; nil where it has none
    private mutating func insert(_ model: UInt32, on scale: UInt32?, at now: RankingTime) -> Int? {
        if scale == nil { scales &+= 1 }
        let entry = Entry(
            model: model, samples: 0, isFirst: entries.isEmpty, factor: 1, lastUse: now, scale: scale ?? scales)
        guard entries.count >= Self.capacity else {
            entries.append(entry)
            return entries.count - 1
        }
        let fleeting = entries.indices.filter { !entries[$0].isFirst && entries[$0].samples <= Self.lessons }
        let disused = entries.indices.filter { entries[$0].lastUse + Self.oblivion <= now }
        let candidates = fleeting.isEmpty ? disused : fleeting
        guard let index = candidates.min(by: { entries[$0].lastUse < entries[$1].lastUse }) else { return nil }
        // A first one that makes room leaves the others as they are to each other, which is all that counts.
        entries[index] = entry
        entries[index].isFirst = false
        if index == main {
            main = entries.indices.max { entries[$0].samples < entries[$1].samples } ?? 0
            change = .compared
        }
        return index
    }
}

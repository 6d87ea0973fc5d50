namespace MeshFromFaces.Core;

/// <summary>Where a job stands: the stage it is in, and the part of the whole job that is done, 0..1, never falling.</summary>
public readonly record struct PipelineProgress(string Stage, double Fraction);

/// <summary>How long a stage took, measured on the wall clock.</summary>
public sealed record StageTime(string Stage, TimeSpan Time);
